/** The page's style sheet: light and dark, screen and paper, and the switch between the languages, which needs no script. */
export const style = `
:root{color-scheme:light dark;--page:#fff;--text:#1b1f24;--soft:#57606a;--line:#d0d7de;--panel:#f6f8fa;--accent:#0b57d0;--good:#116329;--good-back:#dafbe1;--warn:#7a4b00;--warn-back:#fff3cd;--bad:#a40e26;--bad-back:#ffe3e6;--cover:#bfe5c8;--band:#c9dcfb;--grid:#e4e8ec}
@media screen and (prefers-color-scheme:dark){:root{--page:#0d1117;--text:#e6edf3;--soft:#9da7b3;--line:#3d444d;--panel:#161b22;--accent:#79b0ff;--good:#7ee2a0;--good-back:#12331f;--warn:#f2cc60;--warn-back:#3a2d05;--bad:#ff9ba3;--bad-back:#47121a;--cover:#1f4d2e;--band:#1d3a66;--grid:#262c34}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--text);font:15px/1.5 system-ui,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1180px;margin:0 auto;padding:20px 24px 60px}
h1{font-size:26px;margin:.2em 0 .3em;line-height:1.25}h2{font-size:20px;margin:0;display:inline}h3{font-size:16px;margin:1.6em 0 .4em}
p{margin:.4em 0}.soft{color:var(--soft)}a{color:var(--accent)}
code,pre{font-family:ui-monospace,"SFMono-Regular",Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:12.5px}
code{overflow-wrap:anywhere}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:10px;margin:.5em 0}
#language-nl:checked~* .en,#language-en:checked~* .nl{display:none}
.switch{position:absolute;opacity:0}
.switch+label{cursor:pointer;float:right;margin-left:8px;padding:3px 10px;border:1px solid var(--line);border-radius:14px;font-size:13px}
.switch:checked+label{background:var(--text);color:var(--page);border-color:var(--text)}
.switch:focus-visible+label,summary:focus-visible,a:focus-visible,.scroll:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(190px,1fr));gap:10px 22px;margin:14px 0;padding:0}
.facts dt{color:var(--soft);font-size:13px}.facts dd{margin:0}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:14px;margin:.5em 0}
th{font-weight:600;text-align:left;color:var(--soft);font-size:13px;border-bottom:2px solid var(--line)}
th,td{padding:5px 12px 5px 0;vertical-align:top}td,tbody th{border:0;border-top:1px solid var(--line)}tbody th{color:inherit;font-size:14px}
.number{text-align:right;white-space:nowrap}.time{white-space:nowrap}
tr.head code{white-space:nowrap}tr.receipt td{border-top:0;padding-top:0}tr.receipt summary{color:var(--soft);font-size:13px}
.badge{display:inline-block;border-radius:5px;padding:1px 8px;font-size:13px;font-weight:600;white-space:nowrap;border:1px solid currentColor}
.good{color:var(--good);background:var(--good-back)}.warn{color:var(--warn);background:var(--warn-back)}.bad{color:var(--bad);background:var(--bad-back)}.idle{color:var(--soft);background:var(--panel)}
.wrong{color:var(--bad)}.careful{color:var(--warn)}
ul{margin:.4em 0;padding-left:1.3em}
details.arrangement{border:1px solid var(--line);border-radius:8px;margin:18px 0;padding:0 18px}
details.arrangement>summary{padding:12px 0;cursor:pointer}details.arrangement[open]{padding-bottom:18px}
details.month>summary{cursor:pointer;padding:4px 0;font-weight:600}summary{cursor:pointer}
figure{margin:.6em 0}figcaption{font-size:14px;color:var(--soft)}figcaption b{color:var(--text)}
svg{display:block;width:100%;min-width:640px;height:auto}
.tick{font-size:11.5px;fill:var(--soft)}.grid{stroke:var(--grid);fill:none}.axis{stroke:var(--line);fill:none}
.covered{fill:var(--cover)}.gap{fill:var(--bad-back);stroke:var(--bad);stroke-width:.6}.hatch{stroke:var(--bad);stroke-width:1.2;fill:none}
.deposit{stroke:var(--good);stroke-width:1.4;fill:none}.dense{stroke-width:.6}.failed{stroke:var(--bad);stroke-width:2;fill:none}
.line{stroke:var(--accent);stroke-width:1.6;fill:none}.point{fill:var(--accent)}.band{fill:var(--band)}
.key{display:inline-block;width:14px;height:14px;vertical-align:-2px;min-width:14px}
footer{margin-top:40px;border-top:1px solid var(--line);padding-top:12px;color:var(--soft);font-size:13.5px}
@media print{
@page{size:A4;margin:14mm 12mm}
body{font-size:10pt}main{max-width:none;padding:0}.switch,.switch+label{display:none}
tr.head code{white-space:normal}*{-webkit-print-color-adjust:exact;print-color-adjust:exact}
details.arrangement{border:0;padding:0;border-top:2px solid var(--line);border-radius:0}
details.arrangement::details-content,details.month::details-content{content-visibility:visible;display:block}
table{font-size:8.5pt}th,td{padding:2px 6px 2px 0}code{font-size:7.5pt}thead{display:table-header-group}
tr,figure,h3,summary{break-inside:avoid}h3,summary,tr.head{break-after:avoid}.scroll{overflow:visible}svg{min-width:0}
a{color:inherit;text-decoration:none}
}
`;
