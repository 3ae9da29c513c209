"""ComfyUI looks here for what this folder brings."""

from .latentd_comfyui.extension import comfy_entrypoint

__all__ = ["comfy_entrypoint"]
