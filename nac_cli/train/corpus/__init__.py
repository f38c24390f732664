"""Training corpora: recordings are found, fetched, rendered, decoded and packed."""
