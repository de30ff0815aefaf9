// A form that goes on with what takes several requests submits itself; without this, its button does.
document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("form[data-go-on]");
  if (form) setTimeout(() => form.submit(), 1000);
});

// The button beside a one-time link copies it; where the browser does not let us, the text is selected.
document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("[data-copy]").forEach((button) => {
    button.addEventListener("click", async () => {
      const box = document.getElementById(button.dataset.copy);
      box.select();
      try {
        await navigator.clipboard.writeText(box.value);
        button.textContent = "已复制";
      } catch {
        button.textContent = "已选中，请按 Ctrl+C 复制";
      }
    });
  });
});
