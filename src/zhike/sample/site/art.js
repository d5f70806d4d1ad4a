// The shop's product pictures, drawn as SVG so that no photo and no other host is needed.
// Colours are classes (style.css), so one drawing serves light and dark.
"use strict";

const ART = {
  dress: `
    <path class="line thin" d="M200 92v-12c0-9 17-8 17-22a17 17 0 0 0-34-1"/>
    <path class="line" d="M138 124 200 92l62 32"/>
    <path class="c1" d="M154 117c5 34-2 60-8 84L102 338q98 26 196 0L254 201c-6-24-13-50-8-84l-22-7c-4 32-44 32-48 0z"/>
    <path class="c2" d="M146 201q54 14 108 0l4 13q-58 15-116 0z"/>
    <path class="fold" d="M172 222 152 338M200 224v124M228 222l20 116M160 240l-30 90M240 240l30 90"/>`,
  cardigan: `
    <path class="c1" d="M152 104c-26 8-44 20-52 44L62 290l38 12 36-86-4 122h136l-4-122 36 86 38-12-38-142c-8-24-26-36-52-44l-48 78z"/>
    <path class="c2" d="m152 104 48 78 48-78 10 5-46 92v137h-24V201l-46-92z"/>
    <path class="c2" d="M132 320h136v18H132zM58 283l40 13-6 17-40-13zM342 283l-40 13 6 17 40-13z"/>
    <g class="dot"><circle cx="200" cy="216" r="5"/><circle cx="200" cy="246" r="5"/><circle cx="200" cy="276" r="5"/><circle cx="200" cy="306" r="5"/></g>
    <path class="fold" d="M136 216c0-24-4-40-8-52M264 216c0-24 4-40 8-52M148 290h28M224 290h28"/>`,
  tote: `
    <path class="strap" d="M148 176C148 66 252 66 252 176"/>
    <path class="c1" d="M104 160h192l16 182H88z"/>
    <path class="c2" d="M104 160h192l2 20H102z"/>
    <path class="strap" d="M148 160v52M252 160v52"/>
    <rect class="label" x="176" y="250" width="48" height="34" rx="3"/>
    <path class="line thin" d="M200 256v22M192 264l8-8 8 8M190 272l10-9 10 9"/>
    <path class="fold" d="M124 200l-8 130M276 200l8 130"/>`,
  lamp: `
    <circle class="glow" cx="200" cy="172" r="160"/><circle class="glow" cx="200" cy="172" r="128"/>
    <path class="leg" d="M168 262l-26 82M232 262l26 82M200 266v72"/>
    <ellipse class="c1" cx="200" cy="172" rx="104" ry="98"/>
    <ellipse class="shine" cx="200" cy="184" rx="66" ry="64"/>
    <path class="fold" d="M133 98h134M110 126q90 14 180 0M98 156q102 16 204 0M97 188q103 16 206 0M108 220q92 14 184 0M132 248q68 10 136 0"/>
    <rect class="wood" x="164" y="70" width="72" height="9" rx="4"/><rect class="wood" x="160" y="262" width="80" height="10" rx="5"/>`,
  mug: `
    <path class="steam" d="M160 116c-14-18 12-28 0-50M196 110c-14-20 12-32 0-56M232 116c-14-18 12-28 0-50"/>
    <path class="handle" d="M268 186c62-10 66 84-6 92"/>
    <path class="raw" d="M118 150h156v132q0 58-52 58h-52q-52 0-52-58z"/>
    <path class="c1" d="M118 150h156v112c-16 20-26-4-42 10s-26 12-42-2-24 20-42 4-20 4-30-8z"/>
    <ellipse class="c2" cx="196" cy="150" rx="78" ry="19"/><ellipse class="tea" cx="196" cy="153" rx="66" ry="13"/>
    <path class="shinel" d="M140 180v64"/>`,
  kettle: `
    <path class="spout" d="M146 296C82 300 112 196 62 176"/>
    <path class="handle dark" d="M254 176c76-22 86 86 30 128"/>
    <path class="c1" d="M146 172h112l26 150q-82 18-164 0z"/>
    <path class="c2" d="M140 172q62-26 124 0l-2 10q-60 12-120 0z"/>
    <rect class="wood" x="188" y="134" width="28" height="20" rx="9"/>
    <path class="base" d="M112 330h180l10 16H102z"/>
    <path class="shinel" d="M160 200l-14 96"/><circle class="lamp" cx="202" cy="339" r="4"/>`,
  bedding: `
    <rect class="wood" x="62" y="96" width="276" height="120" rx="16"/>
    <rect class="sheet" x="52" y="184" width="296" height="130" rx="14"/>
    <rect class="pillow" x="82" y="146" width="108" height="66" rx="22"/><rect class="pillow" x="210" y="146" width="108" height="66" rx="22"/>
    <path class="fold" d="M98 178q38 12 76 0M226 178q38 12 76 0"/>
    <path class="c1" d="M46 232q154-34 308 0l8 94q-162 24-324 0z"/>
    <path class="c2" d="M46 232q154-34 308 0l2 26q-156-32-312 0z"/>
    <path class="fold" d="M120 262l-12 68M200 256v80M280 262l12 68"/>
    <path class="leg" d="M72 328v24M328 328v24"/>`,
  tea: `
    <rect class="c1" x="112" y="118" width="136" height="224" rx="10"/>
    <path class="c2" d="M106 96h148q6 0 6 6v34H100v-34q0-6 6-6z"/>
    <rect class="label" x="132" y="176" width="96" height="118" rx="4"/>
    <path class="line thin" d="M180 282c-6-34 10-54 2-88M181 238c12-2 22-10 26-20M180 256c-14-2-22-10-26-20"/>
    <g class="bloom"><circle cx="182" cy="194" r="7"/><circle cx="207" cy="216" r="7"/><circle cx="154" cy="234" r="7"/><circle cx="196" cy="206" r="5"/><circle cx="166" cy="222" r="5"/></g>
    <path class="cup" d="M262 292h82q-2 50-26 50h-30q-24 0-26-50z"/><ellipse class="tea" cx="303" cy="293" rx="41" ry="8"/>
    <path class="steam" d="M292 274c-10-14 8-20 0-36M314 274c-10-14 8-20 0-36"/>`,
};

/** The picture of a product; decorative, because its name always stands beside it. */
function art(name, tone) {
  return `<svg class="art tone-${tone}" viewBox="0 0 400 400" aria-hidden="true" focusable="false">
    <ellipse class="ground" cx="200" cy="350" rx="138" ry="14"/>${ART[name]}</svg>`;
}
