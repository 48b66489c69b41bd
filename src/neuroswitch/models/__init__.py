"""Everything that touches an `nn.Module`: where the neurons are, reading them, scaling them.

The only package that registers hooks. Knows nothing of prompts, circuits or methods.
"""
