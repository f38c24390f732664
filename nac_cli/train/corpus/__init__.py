"""What models are trained on: recordings found, fetched, rendered, decoded, packed."""
