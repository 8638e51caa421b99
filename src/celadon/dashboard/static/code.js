// The workspace: files at main's head, edits that are kept in this browser until they are committed, commits, deploys.
(() => {
  const nonce = document.currentScript.nonce;
  const root = document.querySelector("[data-code]");
  const url = root.dataset.code, key = root.dataset.key;
  const at = id => document.getElementById(id);
  // So many files are listed for a search, and so many changes shown.
  const LISTED = 200;

  // What the server has: files by path. What is changed: path → { text, from, base } or { deleted, base }, where `base` is
  // the blob that the change began with, `text` is null for a file that only moves.
  let head = { branch: "main", commit: null }, files = new Map(), edits = new Map();
  let open = null, view = null, diff = null, asked = 0, unfolded = new Set([""]);
  const originals = new Map();

  const notice = text => { at("code-notice").textContent = text; at("code-notice").hidden = !text; };
  const wrong = text => { at("code-wrong").textContent = text; at("code-wrong").hidden = !text; if (text) notice(""); };

  async function ask(path, sent) {
    const options = { redirect: "manual", headers: { Accept: "application/json" } };
    if (sent !== undefined) Object.assign(options, { method: "POST", body: JSON.stringify(sent) });
    const answer = await fetch(url + path, options);
    if (answer.type === "opaqueredirect") throw new Error("You are logged out: log in again in another tab, your edits are kept.");
    const told = (answer.headers.get("content-type") || "").startsWith("application/json") ? await answer.json() : {};
    if (!answer.ok) throw new Error(told.message || `That did not work (${answer.status}). Your edits are kept; try again.`);
    return told;
  }

  // One thing at a time, and what goes wrong is said.
  async function attempt(work, ...buttons) {
    wrong("");
    buttons.forEach(button => { button.disabled = true; });
    try {
      return await work();
    } catch (error) {
      wrong(error instanceof TypeError ? "The platform does not answer. Your edits are kept; try again." : error.message);
      at("code-wrong").scrollIntoView({ block: "nearest" });
      return undefined;
    } finally {
      buttons.forEach(button => { button.disabled = false; });
    }
  }

  // Edits that survive a reload
  function keep() {
    try {
      if (edits.size) localStorage.setItem(key, JSON.stringify({ edits: [...edits], open }));
      else localStorage.removeItem(key);
    } catch {
      wrong("This browser cannot keep your edits (its storage is full): commit them before you leave the page.");
    }
  }
  function remember() {
    try {
      const kept = JSON.parse(localStorage.getItem(key) || "{}");
      edits = new Map(kept.edits || []);
      return kept.open;
    } catch {
      return null;
    }
  }
  addEventListener("storage", event => {
    if (event.key === key) wrong("Another tab has changed this app's edits: reload this one before you go on.");
  });

  // What there is: files of the head, without what is deleted or has moved, and what is new.
  function present(path) {
    const edit = edits.get(path);
    if (edit) return !edit.deleted;
    return files.has(path) && ![...edits.values()].some(other => other.from === path);
  }
  function paths() {
    const moved = new Set([...edits.values()].map(edit => edit.from));
    const found = [...files.keys()].filter(path => !edits.get(path)?.deleted && (!moved.has(path) || edits.has(path)));
    for (const [path, edit] of edits) if (!edit.deleted && !files.has(path)) found.push(path);
    return found.sort((one, other) => one.localeCompare(other));
  }

  // The tree
  function fileButton(path, label) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "file plain";
    button.textContent = label;
    button.dataset.path = path;
    if (edits.has(path)) button.classList.add("edited");
    if (path === open) button.setAttribute("aria-current", "true");
    button.addEventListener("click", () => show(path));
    return button;
  }
  function list(items) {
    const made = document.createElement("ul");
    items.forEach(item => { const line = document.createElement("li"); line.append(item); made.append(line); });
    return made;
  }
  function branch(all, prefix) {
    const directories = new Map(), here = [];
    for (const path of all) {
      const slash = path.indexOf("/", prefix.length);
      if (slash < 0) here.push(path);
      else directories.set(path.slice(prefix.length, slash), [...(directories.get(path.slice(prefix.length, slash)) || []), path]);
    }
    const folders = [...directories].map(([name, inside]) => {
      const made = document.createElement("details"), title = document.createElement("summary");
      const whole = `${prefix}${name}/`;
      title.textContent = name;
      made.append(title);
      const fill = () => { if (made.open && made.children.length === 1) made.append(branch(inside, whole)); };
      made.addEventListener("toggle", () => { made.open ? unfolded.add(whole) : unfolded.delete(whole); fill(); });
      made.open = unfolded.has(whole);
      fill();
      return made;
    });
    return list([...folders, ...here.map(path => fileButton(path, path.slice(prefix.length)))]);
  }
  function drawTree() {
    const words = at("code-filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    const all = paths(), place = at("code-files"), top = place.scrollTop;
    if (words.length) {
      const found = all.filter(path => words.every(word => path.toLowerCase().includes(word)));
      place.replaceChildren(list(found.slice(0, LISTED).map(path => fileButton(path, path))));
      if (!found.length) place.textContent = "No file has that in its path.";
    } else if (all.length) {
      place.replaceChildren(branch(all, ""));
    } else {
      place.textContent = "There are no files yet.";
    }
    place.scrollTop = top;
  }

  // The editor
  async function original(path) {
    const found = files.get(path);
    if (!found) return { text: "", why: "" };
    const known = originals.get(found.blob + path);
    if (known) return known;
    const read = await ask(`/file?path=${encodeURIComponent(path)}`);
    if (read.commit !== head.commit) await load();
    originals.set(read.blob + path, read);
    return read;
  }
  const closeView = () => { view?.close(); view = null; };
  async function show(path) {
    const mine = ++asked;
    await attempt(async () => {
      notice("");
      const source = edits.get(path)?.from ?? path;
      const written = edits.get(path)?.text ?? null;
      const read = written !== null && !files.has(source) ? { text: "", why: "" } : await original(source);
      // Another file was asked for meanwhile, and is there.
      if (mine !== asked) return;
      const edit = edits.get(path);
      open = path;
      closeView();
      const place = at("code-editor");
      place.replaceChildren();
      at("code-path").textContent = path;
      const text = edit?.text ?? read.text;
      at("code-search").hidden = at("code-wrap").hidden = text === null;
      at("code-rename").hidden = at("code-delete").hidden = files.get(source)?.kind === "submodule";
      if (text === null) {
        const said = document.createElement("p");
        said.className = "soft";
        said.textContent = read.why;
        place.append(said);
      } else {
        view = CeladonEditor.edit({ parent: place, text, path, nonce, changed: now => change(path, now, read.text) });
        view.wrap(at("code-wrap").getAttribute("aria-pressed") === "true");
      }
      for (let slash = path.indexOf("/"); slash > 0; slash = path.indexOf("/", slash + 1)) unfolded.add(path.slice(0, slash + 1));
      drawTree();
      if (edits.size) keep();
    });
  }
  function change(path, now, before) {
    const edit = edits.get(path);
    const source = edit?.from ?? path;
    const base = edit ? edit.base : files.get(source)?.blob ?? null;
    if (files.has(source) && now === before) {
      if (edit?.from) edits.set(path, { text: null, from: edit.from, base });
      else edits.delete(path);
    } else {
      edits.set(path, { text: now, from: edit?.from ?? null, base });
    }
    changed();
  }
  function none() {
    asked += 1;
    open = null;
    closeView();
    at("code-path").textContent = "No file is open";
    at("code-editor").replaceChildren();
    for (const id of ["search", "wrap", "rename", "delete"]) at(`code-${id}`).hidden = true;
  }

  // Changes
  let drawing = 0;
  function changed() {
    keep();
    clearTimeout(drawing);
    drawing = setTimeout(() => { drawChanges(); drawTree(); }, 150);
  }
  function word(path, edit) {
    if (edit.deleted) return "deleted";
    if (edit.from) return `renamed from ${edit.from}`;
    return files.has(path) ? "changed" : "new";
  }
  function stale(path, edit) {
    return (files.get(edit.from ?? path)?.blob ?? null) !== edit.base;
  }
  function drawChanges() {
    const some = edits.size > 0;
    at("code-none").hidden = some;
    at("code-commit").hidden = !some;
    if (!some) closeDiff();
    at("code-changes").replaceChildren(...[...edits].slice(0, LISTED).map(([path, edit]) => {
      const line = document.createElement("li"), name = document.createElement("span"), how = document.createElement("span");
      name.className = "path";
      name.textContent = path;
      how.className = `badge ${edit.deleted ? "bad" : files.has(path) || edit.from ? "warn" : "good"}`;
      how.textContent = word(path, edit);
      const look = document.createElement("button"), back = document.createElement("button");
      look.type = back.type = "button";
      look.className = back.className = "plain";
      look.textContent = "Diff";
      look.setAttribute("aria-label", `Diff of ${path}`);
      look.addEventListener("click", () => compare(path));
      back.textContent = "Undo";
      back.setAttribute("aria-label", `Undo what is changed of ${path}`);
      back.addEventListener("click", () => undo(path));
      line.append(name, how, look, back);
      if (stale(path, edit)) {
        const said = document.createElement("small");
        said.className = "warned";
        said.textContent = `${head.branch} has another version since you began: look at the diff, yours would replace it.`;
        line.append(said);
      }
      return line;
    }));
  }
  const closeDiff = () => { diff?.close(); diff = null; at("code-diff").hidden = true; at("code-diff").replaceChildren(); };
  async function compare(path) {
    await attempt(async () => {
      const edit = edits.get(path);
      const read = await original(edit.from ?? path);
      closeDiff();
      const place = at("code-diff");
      place.hidden = false;
      if (read.text === null || (edit.text === null && !edit.deleted)) {
        place.textContent = edit.from ? `Renamed from ${edit.from}; the content is the same.` : read.why;
        return;
      }
      diff = CeladonEditor.compare({ parent: place, before: read.text, after: edit.deleted ? "" : edit.text, path, nonce });
    });
  }
  function undo(path) {
    const edit = edits.get(path);
    edits.delete(path);
    closeDiff();
    changed();
    drawChanges();
    if (open === path) {
      const next = edit.from ?? path;
      if (files.has(next)) show(next);
      else none();
    }
    drawTree();
  }

  // New, rename, delete
  const dialog = at("code-dialog");
  function askPath(title, value, check) {
    const form = dialog.querySelector("form"), said = dialog.querySelector(".wrong"), input = at("code-name");
    at("code-dialog-heading").textContent = title;
    input.value = value;
    said.hidden = true;
    return new Promise(resolve => {
      form.onsubmit = event => {
        if (event.submitter?.value !== "yes") return;
        const refused = check(input.value.trim());
        if (!refused) return;
        event.preventDefault();
        said.textContent = refused;
        said.hidden = false;
      };
      dialog.onclose = () => resolve(dialog.returnValue === "yes" ? input.value.trim() : null);
      dialog.returnValue = "";
      dialog.showModal();
      input.setSelectionRange(value.lastIndexOf("/") + 1, value.length);
    });
  }
  // The server says the rest; this much is said before anything is lost.
  function refuses(path) {
    if (present(path)) return "There is a file of this name.";
    if (path.split("/").some(name => ["", ".", "..", ".git"].includes(name.toLowerCase()))) return "That is no path of a file: names with slashes between them.";
    if (paths().some(other => other.startsWith(`${path}/`) || path.startsWith(`${other}/`))) return "There is a directory or a file in its way.";
    return "";
  }
  async function create() {
    const folder = open?.includes("/") ? open.slice(0, open.lastIndexOf("/") + 1) : "";
    const path = await askPath("New file", folder, refuses);
    if (path === null) return;
    edits.set(path, { text: "", from: null, base: files.get(path)?.blob ?? null });
    changed();
    await show(path);
    view?.focus();
  }
  async function rename() {
    const old = open, edit = edits.get(old);
    const path = await askPath(`Rename ${old}`, old, name => name === old ? "That is its name." : refuses(name));
    if (path === null) return;
    edits.delete(old);
    const source = edit?.from ?? (files.has(old) ? old : null);
    if (source === path) {
      if (edit && edit.text !== null) edits.set(path, { text: edit.text, from: null, base: edit.base });
    } else {
      edits.set(path, { text: edit?.text ?? (source ? null : ""), from: source, base: source ? files.get(source)?.blob ?? null : null });
    }
    changed();
    await show(path);
  }
  function remove() {
    const path = open, edit = edits.get(path), source = edit?.from ?? path;
    edits.delete(path);
    if (files.has(source)) edits.set(source, { deleted: true, base: files.get(source).blob });
    none();
    changed();
    notice(files.has(source) ? `${path} is deleted with the next commit; Undo is below.` : "");
  }

  // The server
  async function load() {
    const read = await ask("/tree");
    head = { branch: read.branch, commit: read.commit };
    files = new Map(read.files.map(file => [file.path, file]));
    at("code-head").textContent = head.commit ? `${head.branch} at ${head.commit.slice(0, 8)}` : `${head.branch}, no commit yet`;
    at("code-branch").textContent = head.branch;
    at("code-deploy").disabled = !head.commit;
    for (const [path, edit] of edits) {
      if (edit.deleted && !files.has(path)) edits.delete(path);
      else if (edit.from && !files.has(edit.from)) edits.set(path, { ...edit, from: null, text: edit.text ?? "" });
    }
    drawTree();
    drawChanges();
  }
  const changesNow = () => [...edits].map(([path, edit]) => edit.deleted ? { path, deleted: true }
    : { path, ...(edit.text !== null && { text: edit.text }), ...(edit.from && { from: edit.from }) });
  async function commit(deploys) {
    const form = at("code-commit"), message = at("code-message");
    const done = await attempt(async () => {
      const made = await ask("/commits", { base: head.commit, message: message.value, changes: changesNow() });
      edits.clear();
      keep();
      message.value = "";
      closeDiff();
      await load();
      if (open && !files.has(open)) none();
      else if (open) await show(open);
      notice(`Committed ${made.commit.slice(0, 8)} to ${head.branch}.${deploys ? "" : " Deploy it when you like."}`);
      return true;
    }, ...form.querySelectorAll("button"));
    if (done && deploys) await deploy();
  }
  async function deploy() {
    await attempt(async () => {
      const build = await ask("/deploys", {});
      const pre = document.createElement("pre"), output = at("code-output");
      Object.assign(pre, { tabIndex: 0, ariaLabel: "Output of the build" });
      pre.setAttribute("role", "log");
      pre.dataset.stream = build.output;
      output.querySelector("pre")?.remove();
      output.append(pre);
      output.hidden = false;
      output.open = true;
      // Whoever fills streams looks for new ones then.
      document.dispatchEvent(new Event("htmx:afterSettle"));
      htmx.trigger(at("code-build"), "live");
      pre.scrollIntoView({ block: "nearest" });
    }, at("code-deploy"));
  }

  at("code-filter").addEventListener("input", drawTree);
  at("code-new").addEventListener("click", create);
  at("code-rename").addEventListener("click", rename);
  at("code-delete").addEventListener("click", remove);
  at("code-search").addEventListener("click", () => view?.search());
  at("code-wrap").addEventListener("click", ({ currentTarget: button }) => {
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    view?.wrap(on);
  });
  at("code-commit").addEventListener("submit", event => { event.preventDefault(); commit(event.submitter?.name === "deploy"); });
  at("code-discard").addEventListener("click", event => {
    if (event.currentTarget.dataset.sure) {
      edits.clear();
      changed();
      closeDiff();
      drawChanges();
      if (open && files.has(open)) show(open);
      else none();
    }
    const sure = !event.currentTarget.dataset.sure && edits.size;
    event.currentTarget.dataset.sure = sure ? "yes" : "";
    event.currentTarget.textContent = sure ? "Really discard all changes" : "Discard all changes";
  });
  at("code-deploy").addEventListener("click", deploy);
  at("code-output").addEventListener("toggle", ({ currentTarget: output }) => {
    const later = output.querySelector("pre[data-later]");
    if (!output.open || !later) return;
    later.dataset.stream = later.dataset.later;
    delete later.dataset.later;
    document.dispatchEvent(new Event("htmx:afterSettle"));
  });

  const last = remember();
  attempt(load).then(() => { if (last && present(last)) show(last); });
})();
