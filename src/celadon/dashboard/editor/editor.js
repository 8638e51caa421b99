// The editor of the workspace, out of CodeMirror's parts. bin/vendor-scripts makes static/vendor/codemirror-6.js of it.
import { EditorState, Compartment } from "@codemirror/state";
import {
  EditorView, keymap, lineNumbers, highlightActiveLine, highlightActiveLineGutter, highlightSpecialChars, drawSelection,
  rectangularSelection,
} from "@codemirror/view";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { search, searchKeymap, highlightSelectionMatches, openSearchPanel } from "@codemirror/search";
import {
  bracketMatching, indentOnInput, foldGutter, foldKeymap, indentUnit, syntaxHighlighting, HighlightStyle, StreamLanguage,
} from "@codemirror/language";
import { closeBrackets, closeBracketsKeymap } from "@codemirror/autocomplete";
import { unifiedMergeView } from "@codemirror/merge";
import { tags } from "@lezer/highlight";
import { python } from "@codemirror/lang-python";
import { javascript } from "@codemirror/lang-javascript";
import { html } from "@codemirror/lang-html";
import { css } from "@codemirror/lang-css";
import { json } from "@codemirror/lang-json";
import { markdown } from "@codemirror/lang-markdown";
import { yaml } from "@codemirror/lang-yaml";
import { sql } from "@codemirror/lang-sql";
import { ruby } from "@codemirror/legacy-modes/mode/ruby";
import { shell } from "@codemirror/legacy-modes/mode/shell";
import { go } from "@codemirror/legacy-modes/mode/go";
import { toml } from "@codemirror/legacy-modes/mode/toml";
import { dockerFile } from "@codemirror/legacy-modes/mode/dockerfile";
import { properties } from "@codemirror/legacy-modes/mode/properties";

// Colours come from style.css, which has them for light and dark.
const style = HighlightStyle.define([
  { tag: [tags.keyword, tags.modifier, tags.operatorKeyword], color: "var(--code-word)" },
  { tag: [tags.string, tags.special(tags.string), tags.regexp], color: "var(--code-text)" },
  { tag: [tags.comment, tags.meta], color: "var(--soft)", fontStyle: "italic" },
  { tag: [tags.number, tags.bool, tags.null, tags.atom], color: "var(--code-number)" },
  { tag: [tags.function(tags.variableName), tags.definition(tags.variableName), tags.className, tags.tagName, tags.heading], color: "var(--code-name)" },
  { tag: [tags.propertyName, tags.attributeName], color: "var(--code-number)" },
  { tag: tags.heading, fontWeight: "bold" },
  { tag: tags.link, textDecoration: "underline" },
]);

const theme = EditorView.theme({
  "&": { color: "var(--ink)", backgroundColor: "var(--card)", fontSize: ".875rem", height: "100%" },
  ".cm-scroller": { fontFamily: "ui-monospace, Menlo, Consolas, monospace", lineHeight: "1.5" },
  ".cm-content": { caretColor: "var(--ink)" },
  "&.cm-focused": { outline: "none" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-gutters": { backgroundColor: "var(--well)", color: "var(--soft)", borderRight: "1px solid var(--line)" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--code-line)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--code-selected)" },
  ".cm-matchingBracket": { backgroundColor: "var(--code-selected)", outline: "1px solid var(--line)" },
  ".cm-searchMatch": { backgroundColor: "var(--code-found)" },
  ".cm-panels": { backgroundColor: "var(--well)", color: "var(--ink)", borderColor: "var(--line)" },
  ".cm-textfield, .cm-button": { backgroundColor: "var(--card)", backgroundImage: "none", color: "var(--ink)", border: "1px solid var(--line)", borderRadius: ".3rem" },
  ".cm-changedLine, .cm-insertedLine": { backgroundColor: "var(--code-added)" },
  ".cm-deletedChunk": { backgroundColor: "var(--code-removed)" },
  ".cm-changedText, .cm-deletedText": { background: "none", textDecoration: "none" },
  ".cm-collapsedLines": { color: "var(--soft)", background: "var(--well)" },
});

const legacy = mode => () => StreamLanguage.define(mode);
const LANGUAGES = [
  [/\.pyi?$/, python], [/\.(m|c)?jsx?$/, () => javascript({ jsx: true })],
  [/\.(m|c)?tsx?$/, () => javascript({ jsx: true, typescript: true })],
  [/\.(html?|jinja2?|j2|erb|ejs|vue|svelte|xml|svg)$/, html], [/\.(css|scss|less)$/, css], [/\.(json|webmanifest)$|^\.\w+rc$/, json],
  [/\.(md|markdown)$/, markdown], [/\.ya?ml$/, yaml], [/\.sql$/, sql],
  [/\.(rb|ru|rake|gemspec)$|^(Gemfile|Rakefile)$/, legacy(ruby)], [/\.(ba|z)?sh$|^\.profile$/, legacy(shell)],
  [/\.go$/, legacy(go)], [/\.toml$|^(Pipfile|uv\.lock)$/, legacy(toml)], [/^Dockerfile/, legacy(dockerFile)],
  [/\.(ini|cfg|conf|env|properties)$|^\.env|^(Procfile|\.editorconfig)$/, legacy(properties)],
];

function language(path) {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const found = LANGUAGES.find(([pattern]) => pattern.test(name));
  return found ? found[1]() : [];
}

// As the file has it: two or four blanks, or tabs.
function indentation(text) {
  const found = /^([ \t]+)\S/m.exec(text);
  if (!found) return "    ";
  return found[1].startsWith("\t") ? "\t" : " ".repeat(found[1].length % 4 === 0 ? 4 : 2);
}

const common = (path, nonce) => [EditorView.cspNonce.of(nonce), theme, syntaxHighlighting(style), lineNumbers(), language(path)];

/** An editor in `parent`: `changed` is told the whole text after each change. */
export function edit({ parent, text, path, nonce, changed }) {
  const crlf = text.includes("\r\n") && !/[^\r]\n/.test(text);
  const wrapping = new Compartment();
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: text,
      extensions: [
        ...common(path, nonce), history(), foldGutter(), drawSelection(), rectangularSelection(), highlightSpecialChars(),
        indentOnInput(), bracketMatching(), closeBrackets(), highlightActiveLine(), highlightActiveLineGutter(),
        highlightSelectionMatches(), search({ top: true }), indentUnit.of(indentation(text)), wrapping.of([]),
        EditorView.contentAttributes.of({ "aria-label": path }),
        keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...foldKeymap, indentWithTab]),
        EditorView.updateListener.of(update => {
          if (!update.docChanged) return;
          const now = update.state.doc.toString();
          changed(crlf ? now.replaceAll("\n", "\r\n") : now);
        }),
      ],
    }),
  });
  return {
    focus: () => view.focus(),
    search: () => { openSearchPanel(view); },
    wrap: on => view.dispatch({ effects: wrapping.reconfigure(on ? EditorView.lineWrapping : []) }),
    close: () => view.destroy(),
  };
}

/** What has changed of a file, in `parent`; nothing can be typed there. */
export function compare({ parent, before, after, path, nonce }) {
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: after,
      extensions: [
        ...common(path, nonce), EditorState.readOnly.of(true), EditorView.editable.of(false), EditorView.lineWrapping,
        EditorView.contentAttributes.of({ "aria-label": `What has changed in ${path}`, tabindex: "0", "aria-readonly": "true" }),
        unifiedMergeView({ original: before, mergeControls: false, highlightChanges: false, collapseUnchanged: { margin: 3, minSize: 6 } }),
      ],
    }),
  });
  return { close: () => view.destroy() };
}
