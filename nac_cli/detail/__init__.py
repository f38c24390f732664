"""The detail layer's signal side: what lies between a base's sound and the recording, as integers and back."""
