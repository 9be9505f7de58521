"""The style of the page: readable on a phone, in the dark, by keyboard."""

STYLE = """\
:root {
  color-scheme: light dark;
  --ink: #1a1a1a; --paper: #ffffff; --faint: #5c5c5c; --rule: #d0d0d0;
  --shade: #f4f4f4; --link: #00558b;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e8e8e8; --paper: #151515; --faint: #a8a8a8; --rule: #444444;
    --shade: #222222; --link: #7cc4f0;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1rem; max-width: 80rem;
  color: var(--ink); background: var(--paper);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere;
}
a { color: var(--link); }
a:focus-visible, summary:focus-visible, .scroll:focus-visible {
  outline: 3px solid var(--link); outline-offset: 2px;
}
.skip { position: absolute; left: -999rem; }
.skip:focus { left: 1rem; background: var(--paper); padding: 0.5rem; }
.status { color: var(--faint); }
.scroll {
  position: relative; overflow-x: auto; max-width: 100%; margin: 0.5rem 0 1.5rem;
}
table { border-collapse: collapse; font-size: 0.9rem; overflow-wrap: normal; }
caption { text-align: left; font-weight: 600; padding: 0.3rem 0; }
th, td { padding: 0.25rem 0.7rem; text-align: left; vertical-align: top; }
th, td.figure { white-space: nowrap; }
thead th { border-bottom: 2px solid var(--rule); }
tbody tr { border-bottom: 1px solid var(--rule); }
tbody tr:target, tbody tr:hover { background: var(--shade); }
tbody th { font-weight: 500; }
td { font-variant-numeric: tabular-nums; }
.note { display: block; color: var(--faint); font-size: 0.85em; }
details code { display: block; min-width: 18rem; padding: 0.3rem; user-select: all;
  background: var(--shade); white-space: pre-wrap; overflow-wrap: anywhere; }
.said { position: absolute; width: 1px; height: 1px; overflow: hidden;
  clip-path: inset(50%); white-space: nowrap; }
figure { margin: 1rem 0; }
figcaption { color: var(--faint); }
figure .scroll { background: #ffffff; border: 1px solid var(--rule); }
figure svg { display: block; width: 100%; min-width: 36rem; max-width: 60rem;
  height: auto; }
figure svg * { stroke-linejoin: round; stroke-linecap: butt; }
dt { font-weight: 600; }
dd { margin: 0 0 0.6rem 1rem; }
nav ul { padding-left: 1.2rem; }
@media print { details { display: none; } .scroll { overflow: visible; } }
"""
