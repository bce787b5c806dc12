(function(){function e(e,t){if(t.has(e))throw TypeError(`Cannot initialize the same private elements twice on an object`)}function t(t,n,r){e(t,n),n.set(t,r)}function n(e,t,n){if(typeof e==`function`?e===t:e.has(t))return arguments.length<3?t:n;throw TypeError(`Private element is not present on this object`)}function r(e,t,r){return e.set(n(e,t),r),r}function i(e,t){return e.get(n(e,t))}var a=new WeakMap,o=new WeakMap,s=class e{constructor(e){t(this,a,void 0),t(this,o,void 0),r(a,this,e.invoke.bind(e)),r(o,this,e.transformCallback.bind(e))}static capture(t){let n=t.__TAURI_INTERNALS__;return typeof n?.invoke==`function`?new e(n):null}status(){return i(a,this).call(this,`plugin:refit|status`)}apply(){return i(a,this).call(this,`plugin:refit|apply`)}retry(e){return i(a,this).call(this,`plugin:refit|retry`,{version:e})}async listen(e){await i(a,this).call(this,`plugin:event|listen`,{event:`refit://status`,target:{kind:`Any`},handler:i(o,this).call(this,t=>e(t.payload))})}};function ee(e){if(typeof e==`object`&&e&&`message`in e){let{kind:t,message:n,hint:r}=e;return{kind:t??`error`,message:String(n),hint:r??``}}return{kind:`error`,message:String(e),hint:``}}function c(t,n){e(t,n),n.add(t)}var l=`refit-banner`,u=new WeakMap,d=new WeakMap,f=new WeakSet,te=class e{constructor(e){c(this,f),t(this,u,void 0),t(this,d,void 0),r(u,this,e),r(d,this,m(e))}static ofPage(t){try{return new e(t.sessionStorage)}catch{return new e(null)}}get kept(){return i(d,this)}keep(e){r(d,this,{...i(d,this),...e}),n(f,this,p).call(this)}forgetLater(){delete i(d,this).later,n(f,this,p).call(this)}};function p(){try{i(u,this)?.setItem(l,JSON.stringify(i(d,this)))}catch{}}function m(e){try{let t=JSON.parse(e?.getItem(l)??`{}`);if(typeof t!=`object`||!t)return{};let{later:n,dismissed:r}=t;return{...typeof n==`string`?{later:n}:{},...typeof r==`string`?{dismissed:r}:{}}}catch{return{}}}function h(e,t,n){return e===null||e.phase===`failed`||e.phase===`stopped`?{card:null,line:null}:{card:ne(e,t,n),line:y(e)}}function g(e){return{title:b(e.message),detail:e.hint===``?null:e.hint}}function ne(e,t,n){let{fellBack:r,running:i}=e,a=_(e,t);if(t.busy?.what===`apply`)return v(`Restarting with version ${t.busy.version}…`);if(e.phase===`restarting`)return v(`Restarting…`);if(t.busy?.what===`retry`)return v(`Fetching version ${t.busy.version} again…`);if(t.note!==null)return{kind:`note`,...t.note,buttons:[{action:`close`,label:`Dismiss`}],notes:null,escape:`close`};let o=r!==null&&r.at!==t.dismissed?r:null,s=o!==null&&!o.condemned&&o.from===a?.version&&o.from!==t.fetched;if(a!==null&&a.version!==t.later&&!s){let e=a.stagedAt===null?``:` ${n(a.stagedAt)}`,t=i===null?``:` Version ${i.version} is running.`;return{kind:`staged`,title:`Version ${a.version} is ready.`,detail:null,buttons:[{action:`apply`,label:`Restart to apply`,primary:!0},{action:`later`,label:`Later`},{action:`notes`,label:`What's new`}],notes:a.notes||`Version ${a.version} was fetched and verified${e}.${t}`,escape:`later`}}return o===null?null:{kind:`fell-back`,title:b(o.message)||`Version ${o.from} did not work. Version ${i?.version??o.to} is running.`,detail:o.condemned?`Version ${o.from} is not started again unless you ask for it.`:`Version ${o.from} is tried again at the next start.`,buttons:[{action:`retry`,label:`Try again`,primary:!0},{action:`dismiss`,label:`Dismiss`}],notes:null,escape:`dismiss`}}function _({staged:e,running:t},{fetched:n}){return e===null?n===null||n===t?.version?null:{version:n,stagedAt:null}:e}function v(e){return{kind:`busy`,title:e,detail:null,buttons:[],notes:null,escape:null}}function y({progress:e}){if(e===null)return null;let t=e.total!==null&&e.total>0;return{label:`Downloading version ${e.version}`,fraction:e.phase===`downloading`?t?Math.min(1,e.bytes/e.total):null:1}}function b(e){let t=e.trim();if(t===``)return``;let n=t.charAt(0).toUpperCase()+t.slice(1);return/[.…?:]$/.test(n)?n:`${n}.`}var x=new WeakMap,S=new WeakMap,C=new WeakMap,w=new WeakMap,T=new WeakMap,E=new WeakMap,D=new WeakMap,O=new WeakSet,k=class{constructor(e,n,i=te.ofPage(window)){c(this,O),t(this,x,void 0),t(this,S,void 0),t(this,C,void 0),t(this,w,null),t(this,T,null),t(this,E,null),t(this,D,null),r(x,this,e),r(S,this,n),r(C,this,i)}async start(){i(S,this).onAction(e=>void n(O,this,re).call(this,e));try{await i(x,this).listen(e=>n(O,this,A).call(this,e));let e=await i(x,this).status();i(S,this).attach(),n(O,this,A).call(this,e)}catch{}}};function A(e){i(w,this)!==null&&e.seq<=i(w,this).seq||(r(w,this,e),n(O,this,j).call(this))}function j(){let e={...i(C,this).kept,...n(O,this,M).call(this)};i(S,this).draw(h(i(w,this),e,ie))}function M(){return{busy:i(T,this),fetched:i(E,this),note:i(D,this)}}async function re(e){let t=i(w,this)?.fellBack??null,a=i(w,this)===null?null:_(i(w,this),n(O,this,M).call(this));e===`later`&&a!==null&&i(C,this).keep({later:a.version}),e===`dismiss`&&t!==null&&i(C,this).keep({dismissed:t.at}),e===`close`&&r(D,this,null),e===`apply`&&a!==null&&await n(O,this,N).call(this,`apply`,a.version),e===`retry`&&t!==null&&(i(C,this).forgetLater(),await n(O,this,N).call(this,`retry`,t.from)),n(O,this,j).call(this)}async function N(e,t){if(i(T,this)===null){r(T,this,{what:e,version:t}),n(O,this,j).call(this);try{let n=await(e===`apply`?i(x,this).apply():i(x,this).retry(t));r(E,this,e===`retry`&&n.outcome===`staged`?t:null),n.outcome===`nothing`&&r(D,this,{title:n.reason,detail:null})}catch(e){r(D,this,g(ee(e)))}finally{r(T,this,null)}}}function ie(e){let t=new Date(e);return Number.isNaN(t.getTime())?e:`on ${t.toLocaleString(void 0,{dateStyle:`medium`,timeStyle:`short`})}`}var P=`
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
`,F=new WeakMap,I=new WeakMap,L=new WeakMap,R=new WeakMap,z=new WeakMap,B=new WeakMap,V=new WeakMap,H=new WeakMap,U=new WeakMap,W=new WeakMap,G=new WeakMap,K=new WeakMap,q=new WeakMap,J=new WeakMap,Y=new WeakSet,ae=class{constructor(e){c(this,Y),t(this,F,void 0),t(this,I,void 0),t(this,L,void 0),t(this,R,void 0),t(this,z,void 0),t(this,B,void 0),t(this,V,void 0),t(this,H,void 0),t(this,U,void 0),t(this,W,void 0),t(this,G,()=>void 0),t(this,K,``),t(this,q,null),t(this,J,null),r(F,this,e),r(I,this,e.createElement(`refit-banner`));let a=i(I,this).attachShadow({mode:`open`});de(a,e),r(L,this,n(Y,this,Z).call(this,`div`,`line`)),i(L,this).setAttribute(`role`,`progressbar`),i(L,this).setAttribute(`aria-valuemin`,`0`),i(L,this).setAttribute(`aria-valuemax`,`100`),r(R,this,n(Y,this,Z).call(this,`div`,`fill`)),i(L,this).append(i(R,this)),i(L,this).hidden=!0,r(z,this,n(Y,this,Z).call(this,`section`,`card empty`)),i(z,this).setAttribute(`aria-label`,`App update`),i(z,this).tabIndex=-1,r(B,this,n(Y,this,Z).call(this,`div`,`words`)),i(B,this).setAttribute(`role`,`status`),i(B,this).setAttribute(`aria-live`,`polite`),i(B,this).setAttribute(`aria-atomic`,`true`),r(V,this,n(Y,this,Z).call(this,`p`,`title`)),r(H,this,n(Y,this,Z).call(this,`p`,`detail`)),i(B,this).append(i(V,this),i(H,this)),r(U,this,n(Y,this,Z).call(this,`div`,`buttons`)),r(W,this,n(Y,this,Z).call(this,`div`,`notes`)),i(W,this).id=`notes`,i(W,this).tabIndex=0,i(W,this).hidden=!0,i(z,this).append(i(B,this),i(U,this),i(W,this)),i(z,this).addEventListener(`keydown`,e=>n(Y,this,X).call(this,e)),i(z,this).addEventListener(`focusin`,e=>n(Y,this,ue).call(this,e)),a.append(i(L,this),i(z,this))}onAction(e){r(G,this,e)}attach(){let e=()=>{let e=i(F,this).documentElement;e!==null&&i(I,this).parentNode!==e&&e.append(i(I,this))};e();let t=!1,n=new MutationObserver(()=>{t||i(I,this).isConnected||(t=!0,setTimeout(()=>{t=!1,e(),r()},250))}),r=()=>{n.disconnect(),n.observe(i(F,this),{childList:!0});let e=i(F,this).documentElement;e!==null&&n.observe(e,{childList:!0})};r()}draw({card:e,line:t}){n(Y,this,oe).call(this,t);let a=JSON.stringify(e);a!==i(K,this)&&(r(K,this,a),n(Y,this,se).call(this,e))}};function oe(e){i(L,this).hidden=e===null,e!==null&&(i(L,this).setAttribute(`aria-label`,e.label),i(R,this).classList.toggle(`unknown`,e.fraction===null),e.fraction===null?(i(L,this).removeAttribute(`aria-valuenow`),i(R,this).style.transform=``):(i(L,this).setAttribute(`aria-valuenow`,String(Math.round(e.fraction*100))),i(R,this).style.transform=`scaleX(${e.fraction})`))}function se(e){let t=i(I,this).shadowRoot?.activeElement!=null;i(z,this).classList.toggle(`empty`,e===null),i(z,this).dataset.kind=e?.kind??`none`,i(V,this).textContent=e?.title??``,i(H,this).textContent=e?.detail??``,i(H,this).hidden=e?.detail==null,i(W,this).textContent=e?.notes??``,i(W,this).hidden=!0,r(q,this,e?.escape??null),i(U,this).replaceChildren(...(e?.buttons??[]).map(e=>n(Y,this,ce).call(this,e))),t&&(e===null?i(J,this)?.focus():i(z,this).focus())}function ce({action:e,label:t,primary:r}){let a=n(Y,this,Z).call(this,`button`,r===!0?`primary`:``);return a.type=`button`,a.dataset.action=e,a.textContent=t,e===`notes`&&(a.setAttribute(`aria-expanded`,`false`),a.setAttribute(`aria-controls`,`notes`)),a.addEventListener(`click`,()=>{e===`notes`?n(Y,this,le).call(this,a):i(G,this).call(this,e)}),a}function le(e){i(W,this).hidden=!i(W,this).hidden,e.setAttribute(`aria-expanded`,String(!i(W,this).hidden))}function X(e){e.stopPropagation(),e.key===`Escape`&&i(q,this)!==null&&i(G,this).call(this,i(q,this))}function ue(e){let t=e.relatedTarget;t instanceof HTMLElement&&t!==i(I,this)&&!i(z,this).contains(t)&&r(J,this,t)}function Z(e,t){let n=i(F,this).createElement(e);return t!==``&&(n.className=t),n}function de(e,t){try{let t=new CSSStyleSheet;t.replaceSync(P),e.adoptedStyleSheets=[t]}catch{let n=t.createElement(`style`);n.textContent=P,e.append(n)}}var Q=s.capture(window);function $(){let e=document.documentElement;Q!==null&&e instanceof HTMLElement&&e.dataset.refitBanner!==`off`&&new k(Q,new ae(document)).start()}document.readyState===`loading`?document.addEventListener(`DOMContentLoaded`,$,{once:!0}):$()})();
