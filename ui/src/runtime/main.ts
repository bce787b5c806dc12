import '../style.css'
import { mount } from 'svelte'
import Runtime from './Runtime.svelte'

mount(Runtime, { target: document.getElementById('app') as HTMLElement })
