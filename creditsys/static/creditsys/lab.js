// The policy lab: line numbers, the checker's messages while typing, and nothing typed is lost.
document.addEventListener("DOMContentLoaded", () => {
  const form = document.getElementById("lab-form");
  const box = document.getElementById("lab-text");
  const lines = form.querySelector(".cs-lines");
  const said = document.getElementById("lab-said");
  const restore = document.getElementById("lab-restore");
  const KEPT = "creditsys-lab-text";
  // What a stored version says; null where the text came back unstored.
  const stored = form.dataset.loaded ? box.value : null;
  let faulty = new Set(Array.from(said.querySelectorAll("[data-line]"), (link) => Number(link.dataset.line)));
  let waiting = null;
  let asking = null;

  const number = () => {
    const many = box.value.split("\n").length;
    const parts = [];
    for (let line = 1; line <= many; line += 1) parts.push(faulty.has(line) ? `<b>${line}</b>` : line);
    lines.innerHTML = `${parts.join("\n")}\n\n\n`;
    lines.scrollTop = box.scrollTop;
  };
  lines.hidden = false;
  number();
  box.addEventListener("scroll", () => { lines.scrollTop = box.scrollTop; });

  const tell = (kind, ...texts) => {
    const line = document.createElement("p");
    line.className = "cs-body";
    const badge = document.createElement("span");
    badge.className = `cs-badge cs-${kind}`;
    badge.textContent = texts[0];
    line.append(badge, ` ${texts.slice(1).join("")}`);
    said.replaceChildren(line);
  };
  const show = (told) => {
    faulty = new Set(told.problems.map((problem) => problem.line));
    number();
    if (!told.problems.length) return tell("good", "检查通过", told.sound);
    tell("bad", `${told.problems.length} 处问题`);
    const list = document.createElement("ol");
    list.className = "cs-problem-list";
    for (const problem of told.problems) {
      const item = document.createElement("li");
      const link = document.createElement("a");
      link.className = "cs-link";
      link.href = "#lab-text";
      link.dataset.line = problem.line;
      link.textContent = `第 ${problem.line} 行`;
      const path = document.createElement("code");
      path.textContent = problem.path;
      const remedy = document.createElement("span");
      remedy.className = "cs-dim";
      remedy.textContent = `改正办法：${problem.remedy}`;
      const clause = problem.clause ? `（${problem.clause}）` : "";
      item.append(link, " ", path, clause, document.createElement("br"), problem.what, document.createElement("br"), remedy);
      list.append(item);
    }
    said.append(list);
  };
  const check = async () => {
    asking?.abort();
    asking = new AbortController();
    const data = new FormData();
    data.set("csrfmiddlewaretoken", form.querySelector("[name=csrfmiddlewaretoken]").value);
    data.set("document", box.value);
    try {
      const answer = await fetch(form.dataset.check, {method: "POST", body: data, signal: asking.signal});
      if (answer.redirected || !answer.ok) throw new Error(String(answer.status));
      show(await answer.json());
    } catch (error) {
      if (error.name !== "AbortError") {
        tell("warn", "无法检查", "登录可能已结束，或网络不通。文本已保留在本浏览器窗口中；请在另一窗口登录后再试。");
      }
    }
  };
  const keep = () => {
    try {
      if (box.value === stored) sessionStorage.removeItem(KEPT);
      else sessionStorage.setItem(KEPT, box.value);
    } catch { /* without storage, leaving the page still asks */ }
  };
  box.addEventListener("input", () => {
    number();
    keep();
    clearTimeout(waiting);
    waiting = setTimeout(check, 500);
  });

  said.addEventListener("click", (event) => {
    const link = event.target.closest("[data-line]");
    if (!link) return;
    event.preventDefault();
    const rows = box.value.split("\n");
    const line = Math.min(Number(link.dataset.line), rows.length);
    const start = rows.slice(0, line - 1).reduce((sum, row) => sum + row.length + 1, 0);
    box.focus();
    box.setSelectionRange(start, start + rows[line - 1].length);
    box.scrollTop = Math.max(0, (line - 1) * 20 - box.clientHeight / 3);
    box.scrollLeft = 0;
  });

  // What was typed before the page was left or the session ended can be taken back.
  let kept = null;
  try { kept = sessionStorage.getItem(KEPT); } catch { /* none */ }
  if (stored === null || kept === box.value) keep();
  else if (kept !== null) {
    restore.hidden = false;
    restore.addEventListener("click", () => {
      box.value = kept;
      restore.hidden = true;
      box.dispatchEvent(new Event("input"));
      box.focus();
    });
  }
  document.getElementById("lab-load").addEventListener("submit", (event) => {
    if (box.value !== stored && !window.confirm("载入会换掉编辑框中尚未存入的文本（可用“恢复上次未存的文本”找回）。继续吗？")) event.preventDefault();
  });
  document.getElementById("lab-results")?.scrollIntoView();
});
