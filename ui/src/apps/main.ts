import '../style.css'
import { mount } from 'svelte'
import Apps from './Apps.svelte'

mount(Apps, { target: document.getElementById('app') as HTMLElement })
