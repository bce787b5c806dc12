import './style.css'
import './charts/swatches.css'
import { mount } from 'svelte'
import Dashboard from './Dashboard.svelte'
import { Api } from './lib/api'
import { takeKey } from './lib/key'

const api = new Api(takeKey(window.location, window.history, window.sessionStorage))
mount(Dashboard, { target: document.getElementById('app') as HTMLElement, props: { api } })
