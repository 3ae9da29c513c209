"""Nodes that have a latentd server make the pictures.

`request`, `connection`, `session`, `explain` and `choices` know neither ComfyUI nor torch; `nodes`, `pictures` and
`extension` do.
"""
