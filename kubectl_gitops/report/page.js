
"use strict";
{
  const form = document.getElementById("filter");
  const articles = [...document.querySelectorAll("article")];
  const count = document.getElementById("count");
  const none = document.getElementById("none");
  const words = (article, name) => (article.dataset[name] || "").split("\n");
  const entries = articles.map((article) => ({
    article,
    kinds: words(article, "kinds"),
    managers: words(article, "managers"),
    namespace: "=" + article.dataset.namespace,
    text: null,
  }));

  const matches = (entry, wanted) => {
    if (!entry.kinds.some((kind) => wanted.kinds.has(kind))) return false;
    if (wanted.namespace && wanted.namespace !== entry.namespace) return false;
    if (wanted.manager && !entry.managers.includes(wanted.manager.slice(1))) return false;
    entry.text ??= entry.article.textContent.toLowerCase();
    return wanted.words.every((word) => entry.text.includes(word));
  };

  const apply = () => {
    const data = new FormData(form);
    const wanted = {
      kinds: new Set(data.getAll("kind")),
      namespace: data.get("namespace"),
      manager: data.get("manager"),
      words: (data.get("q") || "").toLowerCase().split(/\s+/).filter(Boolean),
    };
    let shown = 0;
    for (const entry of entries) {
      const show = matches(entry, wanted);
      entry.article.hidden = !show;
      shown += show ? 1 : 0;
    }
    count.textContent = `${shown} of ${entries.length} shown`;
    none.hidden = shown > 0 || entries.length === 0;
  };

  // The filter stands in the address, so that a link can hold it: #q=web&kind=Missing
  const read = () => {
    const asked = new URLSearchParams(location.hash.slice(1));
    for (const name of ["q", "namespace", "manager"]) {
      const field = form.elements.namedItem(name);
      if (field && asked.has(name)) field.value = asked.get(name);
    }
    const kinds = asked.getAll("kind");
    for (const box of form.querySelectorAll("input[name=kind]")) {
      box.checked = kinds.length === 0 || kinds.includes(box.value);
    }
  };

  const write = () => {
    const boxes = [...form.querySelectorAll("input[name=kind]")];
    const asked = new URLSearchParams();
    for (const [name, value] of new FormData(form)) {
      if (value && (name !== "kind" || boxes.some((box) => !box.checked))) asked.append(name, value);
    }
    history.replaceState(null, "", asked.size ? `#${asked}` : location.pathname + location.search);
  };

  let timer = 0;
  const changed = () => {
    clearTimeout(timer);
    timer = setTimeout(() => { apply(); try { write(); } catch { /* a file: page may not change its address */ } }, 80);
  };
  const unfold = (open) => { for (const details of document.querySelectorAll("details")) details.open = open; };

  form.addEventListener("input", changed);
  form.addEventListener("reset", () => setTimeout(changed));
  form.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("open").addEventListener("click", () => unfold(true));
  document.getElementById("close").addEventListener("click", () => unfold(false));
  addEventListener("hashchange", () => { read(); apply(); });
  addEventListener("beforeprint", () => unfold(true));

  if (entries.length > 1) {
    form.hidden = false;
    read();
    apply();
  }
}
