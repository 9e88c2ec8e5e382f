"""The look of the page: dark text on white, readable on a phone and on paper."""

CSS = """
:root { --text: #1b1b1b; --soft: #595959; --line: #d9d9d9; --accent: #0b4f8a; --bad: #a61b00; }
* { box-sizing: border-box; }
html { font: 17px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; color: var(--text);
  background: #fff; -webkit-text-size-adjust: 100%; }
body { margin: 0; }
main, header, nav, footer { max-width: 1080px; margin: 0 auto; padding: 0 20px; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 2rem 0 .4rem; text-wrap: balance; overflow-wrap: anywhere; }
h2 { font-size: 1.4rem; line-height: 1.25; margin: 3rem 0 .8rem; padding-top: .8rem;
  border-top: 1px solid var(--line); }
h3 { font-size: 1.1rem; margin: 1.8rem 0 .6rem; }
p, ul, dl { margin: .6rem 0; max-width: 75ch; }
li { margin: .25rem 0; overflow-wrap: anywhere; }
code { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .88em;
  overflow-wrap: anywhere; }
a { color: var(--accent); }
.meta, .note, footer { color: var(--soft); font-size: .85rem; }
nav ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; font-size: .92rem;
  max-width: none; }
.verdict { border-left: 5px solid var(--accent); padding: .2rem 0 .2rem 1.1rem; margin: 1.2rem 0; }
.verdict p { font-size: 1.25rem; line-height: 1.42; margin: .5rem 0; overflow-wrap: anywhere; }
.attention { border-left: 5px solid var(--bad); padding-left: 1.1rem; list-style: none; }
.why { columns: 2 26rem; column-gap: 2.4rem; max-width: none; font-size: .92rem; }
.why li { break-inside: avoid; }
.bad { color: var(--bad); font-weight: 700; text-decoration: none; }
.symbol { white-space: nowrap; color: var(--soft); }
.symbol sub, .symbol sup { font-size: .75em; line-height: 0; }
.scroll { overflow-x: auto; margin: 1rem 0; }
.scroll:focus-visible, summary:focus-visible, button:focus-visible, a:focus-visible, input:focus-visible {
  outline: 3px solid #79b0e0; outline-offset: 2px; }
table { border-collapse: collapse; font-size: .86rem; line-height: 1.4; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding-bottom: .5rem; color: var(--soft); }
caption span { display: block; max-width: min(75ch, calc(100vw - 32px)); position: sticky; left: 0; }
th, td { text-align: right; padding: .32rem .8rem; white-space: nowrap; font-weight: 400;
  border-bottom: 1px solid #ececec; }
th:first-child, td:first-child { padding-left: 0; }
th.name, td.name { text-align: left; }
td.name { white-space: normal; }
thead th { font-weight: 600; border-bottom: 1.5px solid #555; border-top: 1.5px solid #555; vertical-align: bottom; }
tbody tr:last-child > * { border-bottom: 1.5px solid #555; }
td.long { white-space: normal; min-width: 16rem; text-align: left; overflow-wrap: anywhere; }
tbody th { position: sticky; left: 0; background: #fff; max-width: 26rem; white-space: normal;
  overflow-wrap: break-word; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 440px), 1fr)); gap: 1.2rem 1.4rem; }
.plots.wide { grid-template-columns: 1fr; }
figure { margin: 0; min-width: 0; }
figcaption { font-size: .9rem; font-weight: 600; line-height: 1.35; overflow-wrap: anywhere; }
figcaption small { font-weight: 400; }
.picture { overflow-x: auto; }
.picture img { display: block; width: 100%; min-width: 560px; max-width: 760px; height: auto; }
.legend { display: flex; flex-wrap: wrap; gap: .1rem 1.3rem; list-style: none; padding: 0; font-size: .88rem;
  max-width: none; }
.legend[hidden] { display: none; }
.legend svg { vertical-align: -2px; margin-right: .4rem; }
/* On a touch screen, sideways turns a surface and up or down scrolls the page. */
.flat { display: none; }
.no-webgl .flat { display: block; }
.no-webgl .panel:has(.surface) { display: none; }
.surface { touch-action: pan-y; cursor: grab; }
.colors { max-width: 640px; font-size: .82rem; margin: .8rem 0 1.2rem; }
.colors .ramp { height: 14px; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.colors .ticks { position: relative; height: 1.3rem; }
.colors .ticks span { position: absolute; }
.colors p { margin: 0; color: var(--soft); }
.controls { display: flex; flex-wrap: wrap; gap: .4rem; margin: .8rem 0; font-size: .9rem; }
button { font: inherit; padding: .3rem .8rem; border: 1px solid #999; border-radius: 5px; background: #fff;
  color: inherit;
  cursor: pointer; }
button:hover { background: #f0f0f0; }
fieldset { border: 0; padding: 0; margin: .4rem 0 .8rem; font-size: .92rem; }
legend { float: left; margin-right: .8rem; padding: 0; }
fieldset label { margin-right: 1rem; white-space: nowrap; }
summary { cursor: pointer; margin: 1rem 0; color: var(--accent); }
dt { font-weight: 600; margin-top: .8rem; }
dd { margin: .1rem 0 0; }
footer { margin-top: 3rem; padding-bottom: 2rem; border-top: 1px solid var(--line); }
@media (max-width: 560px) {
  html { font-size: 16px; }
  main, header, nav, footer { padding: 0 14px; }
  h1 { font-size: 1.5rem; }
  .verdict p { font-size: 1.1rem; }
  th, td { padding: .3rem .55rem; }
  tbody th { max-width: 9.5rem; white-space: normal; }
}
@media print {
  @page { margin: 14mm; }
  /* The layout stays that of a screen 1080 pixels wide, made smaller: plots have the size they were drawn in. */
  body { zoom: .62; }
  html { font-size: 19px; }
  nav, .controls, fieldset, details:not([open]), .panel:has(.surface) { display: none; }
  .flat { display: block; }
  .scroll, .picture { overflow: visible; }
  tbody th { position: static; }
  h2, h3, h4, dt, caption, figcaption { break-after: avoid; }
  figure, tr, .verdict { break-inside: avoid; }
}
"""
