"""Training of the language model for codes: tokens of a corpus, a float network, a run, an integer model."""
