"""Models for browsers and Node: the C chain as WebAssembly, and the JavaScript around it."""
