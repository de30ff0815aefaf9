// Small repairs of what the libraries say in English, and names of chosen files.
document.addEventListener("DOMContentLoaded", () => {
  const relabel = () => {
    document.querySelectorAll('[aria-label="scrollable content"]').forEach((part) => {
      part.setAttribute("aria-label", "可滚动内容");
    });
    document.querySelectorAll('[title="Remove all items"]').forEach((part) => {
      part.setAttribute("title", "清除");
    });
    document.querySelectorAll("input[x-ref=searchInput]:not([aria-label])").forEach((box) => {
      box.setAttribute("aria-label", box.placeholder || "查找");
    });
    document.querySelectorAll(".select2-selection[aria-labelledby]").forEach((box) => {
      const select = box.closest(".select2").previousElementSibling;
      const label = select && select.id && document.querySelector(`label[for="${select.id}"]`);
      if (label && !box.getAttribute("aria-labelledby").includes(`${select.id}-label`)) {
        label.id = `${select.id}-label`;
        box.setAttribute("aria-labelledby", `${label.id} ${box.getAttribute("aria-labelledby")}`);
        box.querySelector("[role=textbox]")?.setAttribute("aria-label", label.textContent.trim());
      }
    });
  };
  new MutationObserver(relabel).observe(document.body, {childList: true, subtree: true});
  relabel();
  if (window.CalendarNamespace) {
    window.CalendarNamespace.daysOfWeekInitial = ["日", "一", "二", "三", "四", "五", "六"];
  }
  document.querySelectorAll(".cs-file input").forEach((input) => {
    input.hasChangeListener = true; // else unfold writes the file's name into the next text box
    input.addEventListener("change", () => {
      input.closest(".cs-file").querySelector("output").textContent =
        Array.from(input.files, (file) => file.name).join("、") || "未选择文件";
    });
  });
});
