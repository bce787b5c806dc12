(function(){function e(e,t){if(t.has(e))throw TypeError(`Cannot initialize the same private elements twice on an object`)}function t(t,n,r){e(t,n),n.set(t,r)}function n(e,t,n){if(typeof e==`function`?e===t:e.has(t))return arguments.length<3?t:n;throw TypeError(`Private element is not present on this object`)}function r(e,t,r){return e.set(n(e,t),r),r}function i(e,t){return e.get(n(e,t))}var a=new WeakMap,o=new WeakMap,s=class e{constructor(e){t(this,a,void 0),t(this,o,void 0),r(a,this,e.invoke.bind(e)),r(o,this,e.transformCallback.bind(e))}static capture(t){let n=t.__TAURI_INTERNALS__;return typeof n?.invoke==`function`?new e(n):null}status(){return i(a,this).call(this,`plugin:refit|status`)}apply(){return i(a,this).call(this,`plugin:refit|apply`)}retry(e){return i(a,this).call(this,`plugin:refit|retry`,{version:e})}async listen(e){await i(a,this).call(this,`plugin:event|listen`,{event:`refit://status`,target:{kind:`Any`},handler:i(o,this).call(this,t=>e(t.payload))})}};function c(e){if(typeof e==`object`&&e&&`message`in e){let{kind:t,message:n,hint:r}=e;return{kind:t??`error`,message:String(n),hint:r??``}}return{kind:`error`,message:String(e),hint:``}}function l(t,n){e(t,n),n.add(t)}var u=`refit-banner`,d=new WeakMap,f=new WeakMap,p=new WeakSet,ee=class e{constructor(e){l(this,p),t(this,d,void 0),t(this,f,void 0),r(d,this,e),r(f,this,h(e))}static ofPage(t){try{return new e(t.sessionStorage)}catch{return new e(null)}}get kept(){return i(f,this)}keep(e){r(f,this,{...i(f,this),...e}),n(p,this,m).call(this)}forgetLater(){delete i(f,this).later,n(p,this,m).call(this)}};function m(){try{i(d,this)?.setItem(u,JSON.stringify(i(f,this)))}catch{}}function h(e){try{let t=JSON.parse(e?.getItem(u)??`{}`);if(typeof t!=`object`||!t)return{};let{later:n,dismissed:r}=t;return{...typeof n==`string`?{later:n}:{},...typeof r==`string`?{dismissed:r}:{}}}catch{return{}}}function g(e,t,n){return e===null||e.phase===`failed`||e.phase===`stopped`?{card:null,line:null}:{card:te(e,t,n),line:ne(e)}}function _(e){return{title:y(e.message),detail:e.hint===``?null:e.hint}}function te(e,t,n){let{staged:r,fellBack:i,running:a}=e;if(t.busy?.what===`apply`)return v(`Restarting with version ${t.busy.version}…`);if(e.phase===`restarting`)return v(`Restarting…`);if(t.busy?.what===`retry`)return v(`Fetching version ${t.busy.version} again…`);if(t.note!==null)return{kind:`note`,...t.note,buttons:[{action:`close`,label:`Dismiss`}],notes:null,escape:`close`};let o=i!==null&&i.at!==t.dismissed?i:null,s=o!==null&&!o.condemned&&o.from===r?.version;if(r!==null&&r.version!==t.later&&!s){let e=a===null?``:` Version ${a.version} is running.`;return{kind:`staged`,title:`Version ${r.version} is ready.`,detail:null,buttons:[{action:`apply`,label:`Restart to apply`,primary:!0},{action:`later`,label:`Later`},{action:`notes`,label:`What's new`}],notes:r.notes||`Version ${r.version} was fetched and verified ${n(r.stagedAt)}.${e}`,escape:`later`}}return o===null?null:{kind:`fell-back`,title:y(o.message)||`Version ${o.from} did not work. Version ${a?.version??o.to} is running.`,detail:o.condemned?`Version ${o.from} is not started again unless you ask for it.`:`Version ${o.from} is tried again at the next start.`,buttons:[{action:`retry`,label:`Try again`,primary:!0},{action:`dismiss`,label:`Dismiss`}],notes:null,escape:`dismiss`}}function v(e){return{kind:`busy`,title:e,detail:null,buttons:[],notes:null,escape:null}}function ne({progress:e}){if(e===null)return null;let t=e.total!==null&&e.total>0;return{label:`Downloading version ${e.version}`,fraction:e.phase===`downloading`?t?Math.min(1,e.bytes/e.total):null:1}}function y(e){let t=e.trim();if(t===``)return``;let n=t.charAt(0).toUpperCase()+t.slice(1);return/[.…?:]$/.test(n)?n:`${n}.`}var b=new WeakMap,x=new WeakMap,S=new WeakMap,C=new WeakMap,w=new WeakMap,T=new WeakMap,E=new WeakSet,re=class{constructor(e,n,i=ee.ofPage(window)){l(this,E),t(this,b,void 0),t(this,x,void 0),t(this,S,void 0),t(this,C,null),t(this,w,null),t(this,T,null),r(b,this,e),r(x,this,n),r(S,this,i)}async start(){i(x,this).onAction(e=>void n(E,this,k).call(this,e));try{await i(b,this).listen(e=>n(E,this,D).call(this,e));let e=await i(b,this).status();i(x,this).attach(),n(E,this,D).call(this,e)}catch{}}};function D(e){i(C,this)!==null&&e.seq<=i(C,this).seq||(r(C,this,e),n(E,this,O).call(this))}function O(){let e={...i(S,this).kept,busy:i(w,this),note:i(T,this)};i(x,this).draw(g(i(C,this),e,j))}async function k(e){let{staged:t,fellBack:a}=i(C,this)??{staged:null,fellBack:null};e===`later`&&t!==null&&i(S,this).keep({later:t.version}),e===`dismiss`&&a!==null&&i(S,this).keep({dismissed:a.at}),e===`close`&&r(T,this,null),e===`apply`&&t!==null&&await n(E,this,A).call(this,`apply`,t.version),e===`retry`&&a!==null&&(i(S,this).forgetLater(),await n(E,this,A).call(this,`retry`,a.from)),n(E,this,O).call(this)}async function A(e,t){if(i(w,this)===null){r(w,this,{what:e,version:t}),n(E,this,O).call(this);try{let n=await(e===`apply`?i(b,this).apply():i(b,this).retry(t));n.outcome===`nothing`&&r(T,this,{title:n.reason,detail:null})}catch(e){r(T,this,_(c(e)))}finally{r(w,this,null)}}}function j(e){let t=new Date(e);return Number.isNaN(t.getTime())?e:`on ${t.toLocaleString(void 0,{dateStyle:`medium`,timeStyle:`short`})}`}var M=`
:host {
  all: initial !important;
  position: fixed !important;
  inset: 0 !important;
  z-index: 2147483647 !important;
  pointer-events: none !important;
  display: block !important;
  color-scheme: light dark !important;
}
* { box-sizing: border-box; }
.line {
  position: absolute;
  inset: 0 0 auto 0;
  height: 3px;
  overflow: hidden;
  background: var(--track);
}
.fill {
  height: 100%;
  background: var(--accent);
  transform-origin: 0 50%;
  transition: transform 200ms ease-out;
}
:host, .card, .line {
  --surface: #ffffff;
  --ink: #1b1f24;
  --quiet: #57606a;
  --edge: #8c959f;
  --accent: #0a5cc2;
  --on-accent: #ffffff;
  --track: rgb(27 31 36 / 12%);
}
.card {
  position: absolute;
  inset: auto 16px 16px 16px;
  width: fit-content;
  max-width: min(44rem, calc(100% - 32px));
  margin-inline: auto;
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 8px 16px;
  padding: 12px 16px;
  border: 1px solid var(--edge);
  border-radius: 10px;
  background: var(--surface);
  color: var(--ink);
  box-shadow: 0 6px 24px rgb(0 0 0 / 24%);
  font: 14px/1.45 system-ui, sans-serif;
  text-align: start;
  pointer-events: auto;
  animation: rise 160ms ease-out;
}
.card:focus { outline: none; }
.card.empty {
  padding: 0;
  border: 0;
  background: none;
  box-shadow: none;
  pointer-events: none;
  animation: none;
}
.words { flex: 1 1 auto; min-width: 12em; }
.empty .words { min-width: 0; }
p { margin: 0; }
.title { font-weight: 600; }
.detail, .notes { color: var(--quiet); overflow-wrap: anywhere; white-space: pre-line; }
.notes { flex: 1 0 100%; max-height: 40vh; overflow: auto; }
.notes[hidden] { display: none; }
.buttons { display: flex; flex-wrap: wrap; gap: 8px; }
.buttons:empty { display: none; }
button {
  font: inherit;
  padding: 5px 12px;
  border: 1px solid var(--edge);
  border-radius: 7px;
  background: transparent;
  color: inherit;
  cursor: pointer;
}
button:hover { background: var(--track); }
button.primary { background: var(--accent); border-color: var(--accent); color: var(--on-accent); font-weight: 600; }
button.primary:hover { filter: brightness(1.1); }
button:focus-visible, .notes:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
@keyframes rise { from { opacity: 0; transform: translateY(8px); } }
@keyframes pass { from { transform: translateX(-100%) scaleX(.4); } to { transform: translateX(250%) scaleX(.4); } }
.fill.unknown { animation: pass 1.4s linear infinite; }
@media (prefers-color-scheme: dark) {
  :host, .card, .line {
    --surface: #22272e;
    --ink: #f0f3f6;
    --quiet: #b3bcc6;
    --edge: #768390;
    --accent: #6cb0ff;
    --on-accent: #0b1a2b;
    --track: rgb(240 243 246 / 16%);
  }
}
@media (prefers-reduced-motion: reduce) {
  .card, .fill, .fill.unknown { animation: none; transition: none; }
  .fill.unknown { opacity: .6; }
}
@media (forced-colors: active) {
  .fill { background: Highlight; }
}
@media print { :host { display: none !important; } }
`,N=new WeakMap,P=new WeakMap,F=new WeakMap,I=new WeakMap,L=new WeakMap,R=new WeakMap,z=new WeakMap,B=new WeakMap,V=new WeakMap,H=new WeakMap,U=new WeakMap,W=new WeakMap,G=new WeakMap,K=new WeakMap,q=new WeakSet,J=class{constructor(e){l(this,q),t(this,N,void 0),t(this,P,void 0),t(this,F,void 0),t(this,I,void 0),t(this,L,void 0),t(this,R,void 0),t(this,z,void 0),t(this,B,void 0),t(this,V,void 0),t(this,H,void 0),t(this,U,()=>void 0),t(this,W,``),t(this,G,null),t(this,K,null),r(N,this,e),r(P,this,e.createElement(`refit-banner`));let a=i(P,this).attachShadow({mode:`open`});ce(a,e),r(F,this,n(q,this,Z).call(this,`div`,`line`)),i(F,this).setAttribute(`role`,`progressbar`),i(F,this).setAttribute(`aria-valuemin`,`0`),i(F,this).setAttribute(`aria-valuemax`,`100`),r(I,this,n(q,this,Z).call(this,`div`,`fill`)),i(F,this).append(i(I,this)),i(F,this).hidden=!0,r(L,this,n(q,this,Z).call(this,`section`,`card empty`)),i(L,this).setAttribute(`aria-label`,`App update`),i(L,this).tabIndex=-1,r(R,this,n(q,this,Z).call(this,`div`,`words`)),i(R,this).setAttribute(`role`,`status`),i(R,this).setAttribute(`aria-live`,`polite`),i(R,this).setAttribute(`aria-atomic`,`true`),r(z,this,n(q,this,Z).call(this,`p`,`title`)),r(B,this,n(q,this,Z).call(this,`p`,`detail`)),i(R,this).append(i(z,this),i(B,this)),r(V,this,n(q,this,Z).call(this,`div`,`buttons`)),r(H,this,n(q,this,Z).call(this,`div`,`notes`)),i(H,this).id=`notes`,i(H,this).tabIndex=0,i(H,this).hidden=!0,i(L,this).append(i(R,this),i(V,this),i(H,this)),i(L,this).addEventListener(`keydown`,e=>n(q,this,X).call(this,e)),i(L,this).addEventListener(`focusin`,e=>n(q,this,se).call(this,e)),a.append(i(F,this),i(L,this))}onAction(e){r(U,this,e)}attach(){let e=()=>{let e=i(N,this).documentElement;e!==null&&i(P,this).parentNode!==e&&e.append(i(P,this))};e();let t=!1,n=new MutationObserver(()=>{t||i(P,this).isConnected||(t=!0,setTimeout(()=>{t=!1,e(),r()},250))}),r=()=>{n.disconnect(),n.observe(i(N,this),{childList:!0});let e=i(N,this).documentElement;e!==null&&n.observe(e,{childList:!0})};r()}draw({card:e,line:t}){n(q,this,Y).call(this,t);let a=JSON.stringify(e);a!==i(W,this)&&(r(W,this,a),n(q,this,ie).call(this,e))}};function Y(e){i(F,this).hidden=e===null,e!==null&&(i(F,this).setAttribute(`aria-label`,e.label),i(I,this).classList.toggle(`unknown`,e.fraction===null),e.fraction===null?(i(F,this).removeAttribute(`aria-valuenow`),i(I,this).style.transform=``):(i(F,this).setAttribute(`aria-valuenow`,String(Math.round(e.fraction*100))),i(I,this).style.transform=`scaleX(${e.fraction})`))}function ie(e){let t=i(P,this).shadowRoot?.activeElement!=null;i(L,this).classList.toggle(`empty`,e===null),i(L,this).dataset.kind=e?.kind??`none`,i(z,this).textContent=e?.title??``,i(B,this).textContent=e?.detail??``,i(B,this).hidden=e?.detail==null,i(H,this).textContent=e?.notes??``,i(H,this).hidden=!0,r(G,this,e?.escape??null),i(V,this).replaceChildren(...(e?.buttons??[]).map(e=>n(q,this,ae).call(this,e))),t&&(e===null?i(K,this)?.focus():i(L,this).focus())}function ae({action:e,label:t,primary:r}){let a=n(q,this,Z).call(this,`button`,r===!0?`primary`:``);return a.type=`button`,a.dataset.action=e,a.textContent=t,e===`notes`&&(a.setAttribute(`aria-expanded`,`false`),a.setAttribute(`aria-controls`,`notes`)),a.addEventListener(`click`,()=>{e===`notes`?n(q,this,oe).call(this,a):i(U,this).call(this,e)}),a}function oe(e){i(H,this).hidden=!i(H,this).hidden,e.setAttribute(`aria-expanded`,String(!i(H,this).hidden))}function X(e){e.stopPropagation(),e.key===`Escape`&&i(G,this)!==null&&i(U,this).call(this,i(G,this))}function se(e){let t=e.relatedTarget;t instanceof HTMLElement&&t!==i(P,this)&&!i(L,this).contains(t)&&r(K,this,t)}function Z(e,t){let n=i(N,this).createElement(e);return t!==``&&(n.className=t),n}function ce(e,t){try{let t=new CSSStyleSheet;t.replaceSync(M),e.adoptedStyleSheets=[t]}catch{let n=t.createElement(`style`);n.textContent=M,e.append(n)}}var Q=s.capture(window);function $(){let e=document.documentElement;Q!==null&&e instanceof HTMLElement&&e.dataset.refitBanner!==`off`&&new re(Q,new J(document)).start()}document.readyState===`loading`?document.addEventListener(`DOMContentLoaded`,$,{once:!0}):$()})();
