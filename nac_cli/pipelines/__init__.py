"""The only place that knows the order of the chain: wav -> segments -> latents -> codes -> payload -> container."""
