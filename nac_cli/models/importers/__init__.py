"""Official checkpoints of other projects -> our models, one module per family, named and shaped as each project saves them."""
