"""The adversaries of adversarial training: networks that tell a recording from its decoded copy."""
