(function(){function e(e,t){if(t.has(e))throw TypeError(`Cannot initialize the same private elements twice on an object`)}function t(t,n,r){e(t,n),n.set(t,r)}function n(e,t,n){if(typeof e==`function`?e===t:e.has(t))return arguments.length<3?t:n;throw TypeError(`Private element is not present on this object`)}function r(e,t,r){return e.set(n(e,t),r),r}function i(e,t){return e.get(n(e,t))}var a=new WeakMap,o=new WeakMap,s=class e{constructor(e){t(this,a,void 0),t(this,o,void 0),r(a,this,e.invoke.bind(e)),r(o,this,e.transformCallback.bind(e))}static capture(t){let n=t.__TAURI_INTERNALS__;return typeof n?.invoke==`function`?new e(n):null}status(){return i(a,this).call(this,`plugin:refit|status`)}apply(){return i(a,this).call(this,`plugin:refit|apply`)}retry(e){return i(a,this).call(this,`plugin:refit|retry`,{version:e})}async listen(e){await i(a,this).call(this,`plugin:event|listen`,{event:`refit://status`,target:{kind:`Any`},handler:i(o,this).call(this,t=>e(t.payload))})}};function c(t,n){e(t,n),n.add(t)}var l=new WeakMap,u=new WeakMap,d=new WeakMap,f=new WeakMap,p=new WeakMap,m=new WeakSet,ee=class{constructor(e){c(this,m),t(this,l,void 0),t(this,u,null),t(this,d,-1),t(this,f,!1),t(this,p,new Map),r(l,this,e)}begin(e){r(u,this,e.app.name),n(m,this,h).call(this,e);let t=i(p,this).get(e.app.name);i(p,this).clear(),t!==void 0&&n(m,this,h).call(this,t)}hear(e){let{name:t}=e.app;if(i(u,this)===null){let n=i(p,this).get(t);(n===void 0||n.seq<e.seq)&&i(p,this).set(t,e)}else t===i(u,this)&&n(m,this,h).call(this,e)}end(){r(f,this,!0)}};function h(e){i(f,this)||e.seq<=i(d,this)||(r(d,this,e.seq),i(l,this).call(this,e))}function te(e){if(typeof e==`object`&&e&&`message`in e){let{kind:t,message:n,hint:r}=e;return{kind:t??`error`,message:String(n),hint:r??``}}return{kind:`error`,message:String(e),hint:``}}var g=`refit-banner`,_=new WeakMap,v=new WeakMap,y=new WeakSet,ne=class e{constructor(e){c(this,y),t(this,_,void 0),t(this,v,void 0),r(_,this,e),r(v,this,ie(e))}static ofPage(t){try{return new e(t.sessionStorage)}catch{return new e(null)}}get kept(){return i(v,this)}keep(e){r(v,this,{...i(v,this),...e}),n(y,this,re).call(this)}forgetLater(){delete i(v,this).later,n(y,this,re).call(this)}};function re(){try{i(_,this)?.setItem(g,JSON.stringify(i(v,this)))}catch{}}function ie(e){try{let t=JSON.parse(e?.getItem(g)??`{}`);if(typeof t!=`object`||!t)return{};let{later:n,dismissed:r,told:i,stale:a}=t;return{...typeof n==`string`?{later:n}:{},...typeof r==`string`?{dismissed:r}:{},...typeof i==`string`?{told:i}:{},...typeof a==`string`?{stale:a}:{}}}catch{return{}}}function ae(e){let t=new Date(e);return Number.isNaN(t.getTime())?e:`on ${t.toLocaleString(void 0,{dateStyle:`medium`,timeStyle:`short`})}`}function oe(e,t){let n=new Date(e).getTime();if(Number.isNaN(n))return ae(e);let r=Math.floor((t.getTime()-n)/36e5);if(r<1)return`less than an hour ago`;let[i,a]=r<48?[r,`hour`]:[Math.floor(r/24),`day`];return`${i} ${a}${i===1?``:`s`} ago`}function se(e,t,n){return e===null||e.phase===`failed`||e.phase===`stopped`?{card:null,line:null}:{card:le(e,t,n),line:_e(e)}}function ce(e){return{title:C(e.message),detail:e.hint===``?null:e.hint}}function le(e,t,n){let{fellBack:r,running:i}=e,a=x(e,t);if(t.busy?.what===`apply`)return S(`Restarting with version ${t.busy.version}…`);if(e.phase===`restarting`)return S(`Restarting…`);if(t.busy?.what===`retry`)return S(`Fetching version ${t.busy.version} again…`);if(t.note!==null)return{kind:`note`,...t.note,buttons:[{action:`close`,label:`Dismiss`}],notes:null,escape:`close`};let o=r!==null&&r.at!==t.dismissed?r:null,s=o!==null&&!o.condemned&&o.from===a?.version&&o.from!==t.fetched,c=a!==null&&(a.version===t.fetched||ue(e));if(a!==null&&c&&a.version!==t.later&&!s){let t=a.stagedAt===null?``:` ${n.when(a.stagedAt)}`,r=i===null?``:` Version ${i.version} is running.`;return{kind:`staged`,title:`Version ${a.version} is ready.`,detail:pe(e,n),buttons:[{action:`apply`,label:de(e.busy),primary:!0},{action:`later`,label:`Later`},{action:`notes`,label:`What's new`}],notes:ge(a.notes)||`Version ${a.version} was fetched and verified${t}.${r}`,escape:`later`}}return o===null?me(e,t)??he(e,t,n):{kind:`fell-back`,title:C(o.message)||`Version ${o.from} did not work. Version ${i?.version??o.to} is running.`,detail:o.condemned?e.managed===null?`Version ${o.from} is not started again unless you ask for it.`:e.managed.message:`Version ${o.from} is tried again at the next start.`,buttons:[...e.managed===null?[{action:`retry`,label:`Try again`,primary:!0}]:[],{action:`dismiss`,label:`Dismiss`}],notes:null,escape:`dismiss`}}function ue({applying:e,busy:t,managed:n}){if(n?.updates===`off`)return!1;switch(e?.waitsFor??`person`){case`person`:return!0;case`next-launch`:return!1;case`idle`:case`turn`:return e?.mode===`prompt`||t!==null}}function de(e){let t=fe(e);return t===null?`Restart to apply`:`Restart to apply · ${t}`}function fe(e){if(e===null)return null;let{tasks:t}=e;return t===null||t<1?`work is going on`:`${t} task${t===1?``:`s`} running`}function pe({applying:e},t){return e===null||e.mode===`prompt`||e.deadline===null?null:`It is applied when the work is done, ${t.when(e.deadline)} at the latest.`}function me({passedOver:e},t){return e===null||!e.firstTime||e.at===t.told||e.reason!==`recalled`&&e.reason!==`withdrawn`?null:{kind:`passed-over`,title:C(e.message),detail:null,buttons:[{action:`dismiss`,label:`Dismiss`}],notes:null,escape:`dismiss`}}function he({rollout:e,running:t},n,r){let i=e?.expired===!0?e.expires:null;if(i===null||i===n.stale)return null;let a=t===null?``:` Version ${t.version} goes on running.`;return{kind:`stale`,title:`The signed update information expired ${r.ago(i)}.`,detail:`New versions are not started until it is renewed.${a}`,buttons:[{action:`dismiss`,label:`Dismiss`}],notes:null,escape:`dismiss`}}var b=2e3;function ge(e){let t=(e??``).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,``),n=Array.from(t.trim());return n.length>b?`${n.slice(0,b).join(``).trimEnd()}…`:n.join(``)}function x({staged:e,running:t},{fetched:n}){return e===null?n===null||n===t?.version?null:{version:n,stagedAt:null,notes:null}:e.blocked===null?e:null}function S(e){return{kind:`busy`,title:e,detail:null,buttons:[],notes:null,escape:null}}function _e({progress:e}){if(e===null||e.phase===`rehearsing`)return null;let t=e.total!==null&&e.total>0;return{label:`Downloading version ${e.version}`,fraction:e.phase===`downloading`?t?Math.min(1,e.bytes/e.total):null:1}}function C(e){let t=e.trim();if(t===``)return``;let n=t.charAt(0).toUpperCase()+t.slice(1);return/[.…?:]$/.test(n)?n:`${n}.`}var w=new WeakMap,T=new WeakMap,E=new WeakMap,D=new WeakMap,O=new WeakMap,k=new WeakMap,A=new WeakMap,j=new WeakMap,M=new WeakSet,ve=class{constructor(e,n,i=ne.ofPage(window)){c(this,M),t(this,w,void 0),t(this,T,void 0),t(this,E,void 0),t(this,D,null),t(this,O,null),t(this,k,null),t(this,A,null),t(this,j,null),r(w,this,e),r(T,this,n),r(E,this,i)}async start(){i(T,this).onAction(e=>void n(M,this,be).call(this,e));let e=new ee(e=>n(M,this,ye).call(this,e));try{await i(w,this).listen(t=>e.hear(t));let t=await i(w,this).status();i(T,this).attach(),e.begin(t)}catch{}}};function ye(e){r(D,this,e),n(M,this,N).call(this)}function N(){let e={...i(E,this).kept,...n(M,this,P).call(this)},t=new Date,a=se(i(D,this),e,{when:ae,ago:e=>oe(e,t)});r(j,this,a.card?.kind??null),i(T,this).draw(a)}function P(){return{busy:i(O,this),fetched:i(k,this),note:i(A,this)}}async function be(e){let t=i(D,this)?.fellBack??null,a=i(D,this)===null?null:x(i(D,this),n(M,this,P).call(this));e===`later`&&a!==null&&i(E,this).keep({later:a.version}),e===`dismiss`&&n(M,this,xe).call(this),e===`close`&&r(A,this,null),e===`apply`&&a!==null&&await n(M,this,F).call(this,`apply`,a.version),e===`retry`&&t!==null&&(i(E,this).forgetLater(),await n(M,this,F).call(this,`retry`,t.from)),n(M,this,N).call(this)}function xe(){let e=i(D,this);if(e===null)return;let{fellBack:t,passedOver:n,rollout:r}=e;switch(i(j,this)){case`fell-back`:t!==null&&i(E,this).keep({dismissed:t.at});break;case`passed-over`:n!==null&&i(E,this).keep({told:n.at});break;case`stale`:r?.expires&&i(E,this).keep({stale:r.expires})}}async function F(e,t){if(i(O,this)===null){r(O,this,{what:e,version:t}),n(M,this,N).call(this);try{let n=await(e===`apply`?i(w,this).apply():i(w,this).retry(t));r(k,this,e===`retry`&&n.outcome===`staged`?t:null),n.outcome===`nothing`&&r(A,this,{title:n.reason,detail:null})}catch(e){r(A,this,ce(te(e)))}finally{r(O,this,null)}}}var I=`
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
`,L=new WeakMap,R=new WeakMap,z=new WeakMap,B=new WeakMap,V=new WeakMap,H=new WeakMap,U=new WeakMap,W=new WeakMap,G=new WeakMap,K=new WeakMap,q=new WeakMap,J=new WeakMap,Y=new WeakMap,X=new WeakMap,Z=new WeakSet,Se=class{constructor(e){c(this,Z),t(this,L,void 0),t(this,R,void 0),t(this,z,void 0),t(this,B,void 0),t(this,V,void 0),t(this,H,void 0),t(this,U,void 0),t(this,W,void 0),t(this,G,void 0),t(this,K,void 0),t(this,q,()=>void 0),t(this,J,``),t(this,Y,null),t(this,X,null),r(L,this,e),r(R,this,e.createElement(`refit-banner`));let a=i(R,this).attachShadow({mode:`open`});Ae(a,e),r(z,this,n(Z,this,Q).call(this,`div`,`line`)),i(z,this).setAttribute(`role`,`progressbar`),i(z,this).setAttribute(`aria-valuemin`,`0`),i(z,this).setAttribute(`aria-valuemax`,`100`),r(B,this,n(Z,this,Q).call(this,`div`,`fill`)),i(z,this).append(i(B,this)),i(z,this).hidden=!0,r(V,this,n(Z,this,Q).call(this,`section`,`card empty`)),i(V,this).setAttribute(`aria-label`,`App update`),i(V,this).tabIndex=-1,r(H,this,n(Z,this,Q).call(this,`div`,`words`)),i(H,this).setAttribute(`role`,`status`),i(H,this).setAttribute(`aria-live`,`polite`),i(H,this).setAttribute(`aria-atomic`,`true`),r(U,this,n(Z,this,Q).call(this,`p`,`title`)),r(W,this,n(Z,this,Q).call(this,`p`,`detail`)),i(H,this).append(i(U,this),i(W,this)),r(G,this,n(Z,this,Q).call(this,`div`,`buttons`)),r(K,this,n(Z,this,Q).call(this,`div`,`notes`)),i(K,this).id=`notes`,i(K,this).setAttribute(`role`,`region`),i(K,this).setAttribute(`aria-label`,`What's new`),i(K,this).tabIndex=0,i(K,this).hidden=!0,i(V,this).append(i(H,this),i(G,this),i(K,this)),i(V,this).addEventListener(`keydown`,e=>n(Z,this,Oe).call(this,e)),i(V,this).addEventListener(`focusin`,e=>n(Z,this,ke).call(this,e)),a.append(i(z,this),i(V,this))}onAction(e){r(q,this,e)}attach(){let e=()=>{let e=i(L,this).documentElement;e!==null&&i(R,this).parentNode!==e&&e.append(i(R,this))};e();let t=!1,n=new MutationObserver(()=>{t||i(R,this).isConnected||(t=!0,setTimeout(()=>{t=!1,e(),r()},250))}),r=()=>{n.disconnect(),n.observe(i(L,this),{childList:!0});let e=i(L,this).documentElement;e!==null&&n.observe(e,{childList:!0})};r()}draw({card:e,line:t}){n(Z,this,Ce).call(this,t);let a=JSON.stringify(e);a!==i(J,this)&&(r(J,this,a),n(Z,this,we).call(this,e))}};function Ce(e){i(z,this).hidden=e===null,e!==null&&(i(z,this).setAttribute(`aria-label`,e.label),i(B,this).classList.toggle(`unknown`,e.fraction===null),e.fraction===null?(i(z,this).removeAttribute(`aria-valuenow`),i(B,this).style.transform=``):(i(z,this).setAttribute(`aria-valuenow`,String(Math.round(e.fraction*100))),i(B,this).style.transform=`scaleX(${e.fraction})`))}function we(e){let t=i(R,this).shadowRoot?.activeElement??null,a=t instanceof HTMLElement?t.dataset.action:void 0,o=e!==null&&e.title===i(U,this).textContent,s=o&&!i(K,this).hidden;if(i(V,this).classList.toggle(`empty`,e===null),i(V,this).dataset.kind=e?.kind??`none`,i(U,this).textContent=e?.title??``,i(W,this).textContent=e?.detail??``,i(W,this).hidden=e?.detail==null,i(K,this).textContent=e?.notes??``,i(K,this).hidden=!s,r(Y,this,e?.escape??null),i(G,this).replaceChildren(...(e?.buttons??[]).map(e=>n(Z,this,Te).call(this,e))),t===null||t===i(K,this))return;let c=o&&a!==void 0?n(Z,this,Ee).call(this,a):null;e===null?i(X,this)?.focus():(c??i(V,this)).focus()}function Te({action:e,label:t,primary:r}){let a=n(Z,this,Q).call(this,`button`,r===!0?`primary`:``);return a.type=`button`,a.dataset.action=e,a.textContent=t,e===`notes`&&(a.setAttribute(`aria-expanded`,String(!i(K,this).hidden)),a.setAttribute(`aria-controls`,`notes`)),a.addEventListener(`click`,()=>{e===`notes`?n(Z,this,De).call(this,a):i(q,this).call(this,e)}),a}function Ee(e){return i(G,this).querySelector(`[data-action=${e}]`)}function De(e){i(K,this).hidden=!i(K,this).hidden,e.setAttribute(`aria-expanded`,String(!i(K,this).hidden))}function Oe(e){e.stopPropagation(),e.key===`Escape`&&i(Y,this)!==null&&i(q,this).call(this,i(Y,this))}function ke(e){let t=e.relatedTarget;t instanceof HTMLElement&&t!==i(R,this)&&!i(V,this).contains(t)&&r(X,this,t)}function Q(e,t){let n=i(L,this).createElement(e);return t!==``&&(n.className=t),n}function Ae(e,t){try{let t=new CSSStyleSheet;t.replaceSync(I),e.adoptedStyleSheets=[t]}catch{let n=t.createElement(`style`);n.textContent=I,e.append(n)}}var je=s.capture(window);function $(){let e=document.documentElement;je!==null&&e instanceof HTMLElement&&e.dataset.refitBanner!==`off`&&new ve(je,new Se(document)).start()}document.readyState===`loading`?document.addEventListener(`DOMContentLoaded`,$,{once:!0}):$()})();
