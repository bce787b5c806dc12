(function(){function e(e,t){if(t.has(e))throw TypeError(`Cannot initialize the same private elements twice on an object`)}function t(t,n,r){e(t,n),n.set(t,r)}function n(e,t,n){if(typeof e==`function`?e===t:e.has(t))return arguments.length<3?t:n;throw TypeError(`Private element is not present on this object`)}function r(e,t,r){return e.set(n(e,t),r),r}function i(e,t){return e.get(n(e,t))}var a=new WeakMap,o=new WeakMap,s=class e{constructor(e){t(this,a,void 0),t(this,o,void 0),r(a,this,e.invoke.bind(e)),r(o,this,e.transformCallback.bind(e))}static capture(t){let n=t.__TAURI_INTERNALS__;return typeof n?.invoke==`function`?new e(n):null}status(){return i(a,this).call(this,`plugin:refit|status`)}apply(){return i(a,this).call(this,`plugin:refit|apply`)}retry(e){return i(a,this).call(this,`plugin:refit|retry`,{version:e})}async listen(e){await i(a,this).call(this,`plugin:event|listen`,{event:`refit://status`,target:{kind:`Any`},handler:i(o,this).call(this,t=>e(t.payload))})}};function ee(e){if(typeof e==`object`&&e&&`message`in e){let{kind:t,message:n,hint:r}=e;return{kind:t??`error`,message:String(n),hint:r??``}}return{kind:`error`,message:String(e),hint:``}}function c(t,n){e(t,n),n.add(t)}var l=`refit-banner`,u=new WeakMap,d=new WeakMap,f=new WeakSet,te=class e{constructor(e){c(this,f),t(this,u,void 0),t(this,d,void 0),r(u,this,e),r(d,this,m(e))}static ofPage(t){try{return new e(t.sessionStorage)}catch{return new e(null)}}get kept(){return i(d,this)}keep(e){r(d,this,{...i(d,this),...e}),n(f,this,p).call(this)}forgetLater(){delete i(d,this).later,n(f,this,p).call(this)}};function p(){try{i(u,this)?.setItem(l,JSON.stringify(i(d,this)))}catch{}}function m(e){try{let t=JSON.parse(e?.getItem(l)??`{}`);if(typeof t!=`object`||!t)return{};let{later:n,dismissed:r,told:i,stale:a}=t;return{...typeof n==`string`?{later:n}:{},...typeof r==`string`?{dismissed:r}:{},...typeof i==`string`?{told:i}:{},...typeof a==`string`?{stale:a}:{}}}catch{return{}}}function h(e){let t=new Date(e);return Number.isNaN(t.getTime())?e:`on ${t.toLocaleString(void 0,{dateStyle:`medium`,timeStyle:`short`})}`}function ne(e,t){let n=new Date(e).getTime();if(Number.isNaN(n))return h(e);let r=Math.floor((t.getTime()-n)/36e5);if(r<1)return`less than an hour ago`;let[i,a]=r<48?[r,`hour`]:[Math.floor(r/24),`day`];return`${i} ${a}${i===1?``:`s`} ago`}function re(e,t,n){return e===null||e.phase===`failed`||e.phase===`stopped`?{card:null,line:null}:{card:ae(e,t,n),line:se(e)}}function ie(e){return{title:x(e.message),detail:e.hint===``?null:e.hint}}function ae(e,t,n){let{fellBack:r,running:i}=e,a=y(e,t);if(t.busy?.what===`apply`)return b(`Restarting with version ${t.busy.version}…`);if(e.phase===`restarting`)return b(`Restarting…`);if(t.busy?.what===`retry`)return b(`Fetching version ${t.busy.version} again…`);if(t.note!==null)return{kind:`note`,...t.note,buttons:[{action:`close`,label:`Dismiss`}],notes:null,escape:`close`};let o=r!==null&&r.at!==t.dismissed?r:null,s=o!==null&&!o.condemned&&o.from===a?.version&&o.from!==t.fetched;if(a!==null&&a.version!==t.later&&!s){let e=a.stagedAt===null?``:` ${n.when(a.stagedAt)}`,t=i===null?``:` Version ${i.version} is running.`;return{kind:`staged`,title:`Version ${a.version} is ready.`,detail:null,buttons:[{action:`apply`,label:`Restart to apply`,primary:!0},{action:`later`,label:`Later`},{action:`notes`,label:`What's new`}],notes:v(a.notes)||`Version ${a.version} was fetched and verified${e}.${t}`,escape:`later`}}return o===null?oe(e,t)??g(e,t,n):{kind:`fell-back`,title:x(o.message)||`Version ${o.from} did not work. Version ${i?.version??o.to} is running.`,detail:o.condemned?`Version ${o.from} is not started again unless you ask for it.`:`Version ${o.from} is tried again at the next start.`,buttons:[{action:`retry`,label:`Try again`,primary:!0},{action:`dismiss`,label:`Dismiss`}],notes:null,escape:`dismiss`}}function oe({passedOver:e},t){return e===null||!e.firstTime||e.at===t.told||e.reason!==`recalled`&&e.reason!==`withdrawn`?null:{kind:`passed-over`,title:x(e.message),detail:null,buttons:[{action:`dismiss`,label:`Dismiss`}],notes:null,escape:`dismiss`}}function g({rollout:e,running:t},n,r){let i=e?.expired===!0?e.expires:null;if(i===null||i===n.stale)return null;let a=t===null?``:` Version ${t.version} goes on running.`;return{kind:`stale`,title:`The signed update information expired ${r.ago(i)}.`,detail:`New versions are not started until it is renewed.${a}`,buttons:[{action:`dismiss`,label:`Dismiss`}],notes:null,escape:`dismiss`}}var _=2e3;function v(e){let t=(e??``).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,``),n=Array.from(t.trim());return n.length>_?`${n.slice(0,_).join(``).trimEnd()}…`:n.join(``)}function y({staged:e,running:t},{fetched:n}){return e===null?n===null||n===t?.version?null:{version:n,stagedAt:null,notes:null}:e.blocked===null?e:null}function b(e){return{kind:`busy`,title:e,detail:null,buttons:[],notes:null,escape:null}}function se({progress:e}){if(e===null)return null;let t=e.total!==null&&e.total>0;return{label:`Downloading version ${e.version}`,fraction:e.phase===`downloading`?t?Math.min(1,e.bytes/e.total):null:1}}function x(e){let t=e.trim();if(t===``)return``;let n=t.charAt(0).toUpperCase()+t.slice(1);return/[.…?:]$/.test(n)?n:`${n}.`}var S=new WeakMap,C=new WeakMap,w=new WeakMap,T=new WeakMap,E=new WeakMap,D=new WeakMap,O=new WeakMap,k=new WeakMap,A=new WeakSet,ce=class{constructor(e,n,i=te.ofPage(window)){c(this,A),t(this,S,void 0),t(this,C,void 0),t(this,w,void 0),t(this,T,null),t(this,E,null),t(this,D,null),t(this,O,null),t(this,k,null),r(S,this,e),r(C,this,n),r(w,this,i)}async start(){i(C,this).onAction(e=>void n(A,this,le).call(this,e));try{await i(S,this).listen(e=>n(A,this,j).call(this,e));let e=await i(S,this).status();i(C,this).attach(),n(A,this,j).call(this,e)}catch{}}};function j(e){i(T,this)!==null&&e.seq<=i(T,this).seq||(r(T,this,e),n(A,this,M).call(this))}function M(){let e={...i(w,this).kept,...n(A,this,N).call(this)},t=new Date,a=re(i(T,this),e,{when:h,ago:e=>ne(e,t)});r(k,this,a.card?.kind??null),i(C,this).draw(a)}function N(){return{busy:i(E,this),fetched:i(D,this),note:i(O,this)}}async function le(e){let t=i(T,this)?.fellBack??null,a=i(T,this)===null?null:y(i(T,this),n(A,this,N).call(this));e===`later`&&a!==null&&i(w,this).keep({later:a.version}),e===`dismiss`&&n(A,this,ue).call(this),e===`close`&&r(O,this,null),e===`apply`&&a!==null&&await n(A,this,P).call(this,`apply`,a.version),e===`retry`&&t!==null&&(i(w,this).forgetLater(),await n(A,this,P).call(this,`retry`,t.from)),n(A,this,M).call(this)}function ue(){let e=i(T,this);if(e===null)return;let{fellBack:t,passedOver:n,rollout:r}=e;switch(i(k,this)){case`fell-back`:t!==null&&i(w,this).keep({dismissed:t.at});break;case`passed-over`:n!==null&&i(w,this).keep({told:n.at});break;case`stale`:r?.expires&&i(w,this).keep({stale:r.expires})}}async function P(e,t){if(i(E,this)===null){r(E,this,{what:e,version:t}),n(A,this,M).call(this);try{let n=await(e===`apply`?i(S,this).apply():i(S,this).retry(t));r(D,this,e===`retry`&&n.outcome===`staged`?t:null),n.outcome===`nothing`&&r(O,this,{title:n.reason,detail:null})}catch(e){r(O,this,ie(ee(e)))}finally{r(E,this,null)}}}var F=`
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
`,I=new WeakMap,L=new WeakMap,R=new WeakMap,z=new WeakMap,B=new WeakMap,V=new WeakMap,H=new WeakMap,U=new WeakMap,W=new WeakMap,G=new WeakMap,K=new WeakMap,q=new WeakMap,J=new WeakMap,Y=new WeakMap,X=new WeakSet,de=class{constructor(e){c(this,X),t(this,I,void 0),t(this,L,void 0),t(this,R,void 0),t(this,z,void 0),t(this,B,void 0),t(this,V,void 0),t(this,H,void 0),t(this,U,void 0),t(this,W,void 0),t(this,G,void 0),t(this,K,()=>void 0),t(this,q,``),t(this,J,null),t(this,Y,null),r(I,this,e),r(L,this,e.createElement(`refit-banner`));let a=i(L,this).attachShadow({mode:`open`});ve(a,e),r(R,this,n(X,this,Z).call(this,`div`,`line`)),i(R,this).setAttribute(`role`,`progressbar`),i(R,this).setAttribute(`aria-valuemin`,`0`),i(R,this).setAttribute(`aria-valuemax`,`100`),r(z,this,n(X,this,Z).call(this,`div`,`fill`)),i(R,this).append(i(z,this)),i(R,this).hidden=!0,r(B,this,n(X,this,Z).call(this,`section`,`card empty`)),i(B,this).setAttribute(`aria-label`,`App update`),i(B,this).tabIndex=-1,r(V,this,n(X,this,Z).call(this,`div`,`words`)),i(V,this).setAttribute(`role`,`status`),i(V,this).setAttribute(`aria-live`,`polite`),i(V,this).setAttribute(`aria-atomic`,`true`),r(H,this,n(X,this,Z).call(this,`p`,`title`)),r(U,this,n(X,this,Z).call(this,`p`,`detail`)),i(V,this).append(i(H,this),i(U,this)),r(W,this,n(X,this,Z).call(this,`div`,`buttons`)),r(G,this,n(X,this,Z).call(this,`div`,`notes`)),i(G,this).id=`notes`,i(G,this).setAttribute(`role`,`region`),i(G,this).setAttribute(`aria-label`,`What's new`),i(G,this).tabIndex=0,i(G,this).hidden=!0,i(B,this).append(i(V,this),i(W,this),i(G,this)),i(B,this).addEventListener(`keydown`,e=>n(X,this,ge).call(this,e)),i(B,this).addEventListener(`focusin`,e=>n(X,this,_e).call(this,e)),a.append(i(R,this),i(B,this))}onAction(e){r(K,this,e)}attach(){let e=()=>{let e=i(I,this).documentElement;e!==null&&i(L,this).parentNode!==e&&e.append(i(L,this))};e();let t=!1,n=new MutationObserver(()=>{t||i(L,this).isConnected||(t=!0,setTimeout(()=>{t=!1,e(),r()},250))}),r=()=>{n.disconnect(),n.observe(i(I,this),{childList:!0});let e=i(I,this).documentElement;e!==null&&n.observe(e,{childList:!0})};r()}draw({card:e,line:t}){n(X,this,fe).call(this,t);let a=JSON.stringify(e);a!==i(q,this)&&(r(q,this,a),n(X,this,pe).call(this,e))}};function fe(e){i(R,this).hidden=e===null,e!==null&&(i(R,this).setAttribute(`aria-label`,e.label),i(z,this).classList.toggle(`unknown`,e.fraction===null),e.fraction===null?(i(R,this).removeAttribute(`aria-valuenow`),i(z,this).style.transform=``):(i(R,this).setAttribute(`aria-valuenow`,String(Math.round(e.fraction*100))),i(z,this).style.transform=`scaleX(${e.fraction})`))}function pe(e){let t=i(L,this).shadowRoot?.activeElement!=null;i(B,this).classList.toggle(`empty`,e===null),i(B,this).dataset.kind=e?.kind??`none`,i(H,this).textContent=e?.title??``,i(U,this).textContent=e?.detail??``,i(U,this).hidden=e?.detail==null,i(G,this).textContent=e?.notes??``,i(G,this).hidden=!0,r(J,this,e?.escape??null),i(W,this).replaceChildren(...(e?.buttons??[]).map(e=>n(X,this,me).call(this,e))),t&&(e===null?i(Y,this)?.focus():i(B,this).focus())}function me({action:e,label:t,primary:r}){let a=n(X,this,Z).call(this,`button`,r===!0?`primary`:``);return a.type=`button`,a.dataset.action=e,a.textContent=t,e===`notes`&&(a.setAttribute(`aria-expanded`,`false`),a.setAttribute(`aria-controls`,`notes`)),a.addEventListener(`click`,()=>{e===`notes`?n(X,this,he).call(this,a):i(K,this).call(this,e)}),a}function he(e){i(G,this).hidden=!i(G,this).hidden,e.setAttribute(`aria-expanded`,String(!i(G,this).hidden))}function ge(e){e.stopPropagation(),e.key===`Escape`&&i(J,this)!==null&&i(K,this).call(this,i(J,this))}function _e(e){let t=e.relatedTarget;t instanceof HTMLElement&&t!==i(L,this)&&!i(B,this).contains(t)&&r(Y,this,t)}function Z(e,t){let n=i(I,this).createElement(e);return t!==``&&(n.className=t),n}function ve(e,t){try{let t=new CSSStyleSheet;t.replaceSync(F),e.adoptedStyleSheets=[t]}catch{let n=t.createElement(`style`);n.textContent=F,e.append(n)}}var Q=s.capture(window);function $(){let e=document.documentElement;Q!==null&&e instanceof HTMLElement&&e.dataset.refitBanner!==`off`&&new ce(Q,new de(document)).start()}document.readyState===`loading`?document.addEventListener(`DOMContentLoaded`,$,{once:!0}):$()})();
