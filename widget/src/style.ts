/** Styles of the shadow tree. Sizes are in px on purpose: the host page's root font is not ours. */

export const css = `
:host{all:initial;position:fixed;z-index:2147483000;inset:auto 0 0 auto;width:0;height:0;
--accent:#2456e6;--on-accent:#fff;--bg:#fff;--fg:#16181d;--soft:#5b6270;--line:#e3e6eb;--tint:#f3f5f8;
--bot:#f3f5f8;--agent:#e8eefd;--red:#c0271b;--amber:#8a5a00;--amber-bg:#fff6e0;--green:#137a45;
--shadow:0 12px 40px rgba(16,24,40,.18),0 2px 8px rgba(16,24,40,.08);color-scheme:light;
font:15px/1.5 system-ui,-apple-system,"Segoe UI","PingFang SC","Hiragino Sans GB","Microsoft YaHei","Noto Sans CJK SC","Noto Sans SC",sans-serif}
@media (prefers-color-scheme:dark){:host(:not([theme=light])){--accent:#7ea2ff;--on-accent:#0b1020;--bg:#16181d;--fg:#eceef2;--soft:#a3abb9;--line:#2d323b;--tint:#20242b;
--bot:#22262e;--agent:#22304f;--red:#ff8a80;--amber:#f2c46b;--amber-bg:#33290f;--green:#6fd79e;--shadow:0 12px 40px rgba(0,0,0,.6);color-scheme:dark}}
:host([theme=dark]){--accent:#7ea2ff;--on-accent:#0b1020;--bg:#16181d;--fg:#eceef2;--soft:#a3abb9;--line:#2d323b;--tint:#20242b;
--bot:#22262e;--agent:#22304f;--red:#ff8a80;--amber:#f2c46b;--amber-bg:#33290f;--green:#6fd79e;--shadow:0 12px 40px rgba(0,0,0,.6);color-scheme:dark}
*{box-sizing:border-box;margin:0}
button,textarea{font:inherit;color:inherit}
button{cursor:pointer;border:0;background:none;padding:0}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
[hidden]{display:none!important}
.launch{position:fixed;right:20px;bottom:20px;width:56px;height:56px;border-radius:28px;background:var(--accent);color:var(--on-accent);
display:grid;place-items:center;box-shadow:0 4px 16px rgba(16,24,40,.24);transition:transform .12s}
.launch:hover{transform:translateY(-1px)}
.launch:focus-visible{outline-offset:3px}
.badge{position:absolute;top:-4px;right:-4px;min-width:20px;height:20px;padding:0 6px;border-radius:10px;background:#c0271b;color:#fff;
font-size:12px;line-height:20px;font-weight:600;text-align:center;font-variant-numeric:tabular-nums}
.panel{position:fixed;right:20px;bottom:88px;width:384px;height:min(640px,calc(100vh - 108px));display:flex;flex-direction:column;
background:var(--bg);color:var(--fg);border:1px solid var(--line);border-radius:12px;box-shadow:var(--shadow);overflow:hidden;
animation:in .12s ease-out}
@keyframes in{from{transform:translateY(8px)}}
.head{display:flex;align-items:center;gap:12px;padding:12px 8px 12px 16px;border-bottom:1px solid var(--line)}
.head div{flex:1;min-width:0}
.head h2{font-size:16px;line-height:1.3;font-weight:600;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.head p{font-size:13px;line-height:1.4;color:var(--soft);overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.head p::before{content:"";display:inline-block;width:7px;height:7px;margin-right:6px;border-radius:4px;background:var(--dot,var(--soft));vertical-align:1px}
.head p[data-state=on]{--dot:var(--green)}.head p[data-state=wait]{--dot:#d99100}
.iconb{width:44px;height:44px;border-radius:8px;display:grid;place-items:center;color:var(--soft)}
.iconb:hover{background:var(--tint);color:var(--fg)}
.bar{display:flex;align-items:center;gap:8px;padding:8px 16px;font-size:13px;line-height:1.4;background:var(--amber-bg);color:var(--amber)}
.bar.bad{background:var(--tint);color:var(--red)}
.bar span{flex:1}
.bar button{min-height:32px;padding:0 8px;font-weight:600;text-decoration:underline;text-underline-offset:2px}
.place{padding:8px 16px;font-size:13px;line-height:1.4;background:var(--tint);color:var(--fg);font-variant-numeric:tabular-nums}
.wrap{position:relative;flex:1;min-height:0;display:flex}
.log{flex:1;overflow-y:auto;overscroll-behavior:contain;padding:16px 16px 8px;display:flex;flex-direction:column;scrollbar-width:thin}
.log:focus-visible{outline-offset:-2px}
.day{align-self:center;margin:12px 0 8px;font-size:12px;color:var(--soft)}
.more{align-self:center;min-height:44px;padding:0 12px;color:var(--accent);font-size:13px}
.row{display:flex;flex-direction:column;align-items:flex-start;max-width:88%;margin-top:4px}
.row.first{margin-top:12px}
.row.me{align-self:flex-end;align-items:flex-end}
.row.system{align-self:center;align-items:center;max-width:100%}
.who{display:flex;align-items:center;gap:6px;margin-bottom:4px;font-size:12px;color:var(--soft)}
.who i{display:grid;place-items:center;width:20px;height:20px;border-radius:10px;font:600 11px/1 system-ui,sans-serif;background:var(--agent);color:var(--accent)}
.bot .who i{border-radius:6px;background:var(--tint);color:var(--soft)}
.tag{padding:0 5px;border:1px solid var(--line);border-radius:4px;font-size:11px;line-height:16px}
.bub{padding:8px 12px;border-radius:12px;background:var(--agent);white-space:pre-wrap;overflow-wrap:anywhere;min-width:0;max-width:100%}
.bot .bub{background:var(--bg);border:1px solid var(--line)}
.me .bub{background:var(--accent);color:var(--on-accent)}
.me.wait .bub{background:var(--tint);color:var(--soft)}
.me.fail .bub{background:var(--bg);color:var(--fg);border:1px solid var(--red)}
.system .bub{background:none;color:var(--soft);font-size:13px;text-align:center;padding:4px 8px}
.bub a{color:inherit;text-decoration:underline;text-underline-offset:2px;text-decoration-color:currentColor}
.bot .bub a{color:var(--accent)}
.clip{display:-webkit-box;-webkit-line-clamp:14;-webkit-box-orient:vertical;overflow:hidden}
.fold{min-height:32px;padding:0 12px;color:var(--accent);font-size:13px}
.src{margin-top:4px;padding:0 2px;font-size:12px;color:var(--soft);overflow-wrap:anywhere}
.cards{display:flex;flex-direction:column;gap:8px;margin-top:8px;max-width:100%}
.card{display:flex;flex-direction:column;min-height:44px;padding:8px 12px;border:1px solid var(--line);border-radius:10px;color:var(--fg);text-decoration:none;overflow-wrap:anywhere}
.card:hover{background:var(--tint)}.card img{max-width:100%;max-height:220px;object-fit:contain;border-radius:6px}.card span{font-size:13px;color:var(--soft)}
.product,.order{display:grid;grid-template-columns:auto 1fr;column-gap:12px;align-content:center;background:var(--bg);min-width:200px}.product img,.order img{grid-row:1/9;width:56px;height:56px;object-fit:cover!important}.product>:not(img),.order>:not(img){grid-column:2}.card b+span:empty,.card span:empty{display:none}
.offer{display:grid;grid-template-columns:1fr auto;gap:4px 8px;padding:4px 16px 0;border-top:1px solid var(--line)}.offer .act{grid-row:2;grid-column:1}.offer .clipb{grid-row:1;grid-column:2}
.acts{display:flex;flex-direction:column;gap:8px;margin-top:8px;width:100%}
.act{min-height:44px;padding:8px 14px;border:1px solid var(--line);border-radius:10px;background:var(--bg);color:var(--accent);text-align:left;
text-decoration:none;overflow-wrap:anywhere;display:flex;align-items:center}
.act:hover{background:var(--tint)}
.act:disabled{color:var(--soft);cursor:default}
.meta{display:flex;align-items:center;gap:8px;margin-top:2px;padding:0 2px;font-size:12px;color:var(--soft);font-variant-numeric:tabular-nums}
.meta.bad{color:var(--red)}
.meta button{min-height:32px;color:var(--red);font-weight:600;text-decoration:underline;text-underline-offset:2px}
.dots{display:inline-flex;gap:4px;padding:4px 0}
.dots b{width:6px;height:6px;border-radius:3px;background:var(--soft);animation:pulse 1.2s infinite}
.dots b:nth-child(2){animation-delay:.2s}.dots b:nth-child(3){animation-delay:.4s}
@keyframes pulse{0%,60%,100%{opacity:.3}30%{opacity:1}}
.below{position:absolute;left:50%;bottom:8px;transform:translateX(-50%);display:flex;align-items:center;gap:4px;min-height:36px;padding:0 14px;border-radius:18px;
background:var(--fg);color:var(--bg);font-size:13px;box-shadow:0 2px 8px rgba(16,24,40,.2)}
.card-in{border-top:1px solid var(--line);padding:12px 16px;max-height:60%;overflow-y:auto}
.card-in p{margin-bottom:8px;font-size:14px}.card-in p:only-child{margin:0}
.card-in input,.card-in textarea{display:block;width:100%;min-height:44px;margin-bottom:8px;padding:10px 12px;border:1px solid var(--line);border-radius:10px;background:var(--bg);color:var(--fg);font:inherit;font-size:16px;line-height:22px;resize:none}
.card-in ::placeholder{color:var(--soft);opacity:1}
.card-in .wrong{color:var(--red)}.card-in .wrong:empty{display:none}
.stars{display:flex;gap:4px;margin:0 0 8px -8px}
.star{width:44px;height:44px;font-size:26px;line-height:1;color:#b36b00}
.star[aria-pressed=true]{outline-offset:-2px}
.ends{display:flex;justify-content:flex-end;gap:8px}
.main,.plain{min-height:44px;padding:0 16px;border-radius:10px}
.main{background:var(--accent);color:var(--on-accent)}.main:disabled{background:var(--tint);color:var(--soft)}
.plain{color:var(--soft)}.plain:hover{background:var(--tint)}
.away{flex:1;min-width:0;padding:0 8px;font-size:12px;line-height:1.4;color:var(--soft);text-align:right}
.bub.gone{background:none!important;border:1px dashed var(--line)!important;color:var(--soft)!important;font-size:13px}
.foot{border-top:1px solid var(--line);padding:4px 8px calc(8px + env(safe-area-inset-bottom))}
.tools{display:flex;align-items:center;justify-content:space-between;min-height:44px}
.tools.none{min-height:4px}
.told{padding:0 8px 6px;font-size:12px;line-height:1.4;color:var(--soft)}
.human,.human2{display:inline-flex;align-items:center;gap:6px;min-height:44px;padding:0 10px;border-radius:8px;font-size:13px;color:var(--soft)}
.human:hover,.human2:hover{color:var(--accent);background:var(--tint)}
.count{font-size:12px;color:var(--red);padding-right:8px;font-variant-numeric:tabular-nums}
.line{display:flex;align-items:flex-end;gap:8px;border:1px solid var(--line);border-radius:12px;padding:3px;background:var(--bg)}
.line:focus-within{border-color:var(--accent);box-shadow:0 0 0 1px var(--accent)}
.line textarea{flex:1;min-width:0;resize:none;border:0;outline:0;background:none;padding:8px 4px 8px 10px;font-size:16px;line-height:22px;max-height:132px;height:38px}
.line textarea::placeholder{color:var(--soft);opacity:1}
.clipb{flex:none;width:44px;height:44px;border-radius:10px;color:var(--soft);display:grid;place-items:center}.clipb:hover{color:var(--accent)}.play{max-width:100%;width:280px}
.go{flex:none;width:40px;height:40px;border-radius:10px;background:var(--accent);color:var(--on-accent);display:grid;place-items:center}
.go:disabled{background:var(--tint);color:var(--soft);cursor:default}
.sr{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
@media (max-width:479px){
.panel{inset:0;width:auto;height:auto;bottom:auto;height:100vh;height:var(--vh,100dvh);border:0;border-radius:0;padding-top:env(safe-area-inset-top)}
.launch{right:16px;bottom:calc(16px + env(safe-area-inset-bottom))}.go{width:44px;height:44px}.line textarea{height:44px;padding-top:11px}
.open .launch{display:none}.meta button,.bar button,.fold{min-height:44px}}
@media (prefers-reduced-motion:reduce){*{animation:none!important;transition:none!important}}
@media (forced-colors:active){.bub,.panel,.launch{border:1px solid}}
@media print{:host{display:none!important}}
`;
