"""Makes pictures with a progress bar, and shows how one sharpens. Run it as a script, or cell by cell as a notebook:

    python client/python/examples/generate.py "a red apple"

It leaves picture-0.png … picture-3.png and sharpening.gif in the current folder.
"""

# %% What to make, and where.
import argparse
from pathlib import Path

from tqdm.auto import tqdm  # in a notebook it draws that one's bar

import latentd

parser = argparse.ArgumentParser(description="Makes four pictures with a progress bar.")
parser.add_argument("prompt", nargs="?", default="a red apple")
parser.add_argument("--server", default="127.0.0.1:50051", help="host:port of latentd")
parser.add_argument("--model", default="pictograms")
parser.add_argument("--steps", type=int, help="the model's default when left out")
arguments, _ = parser.parse_known_args()  # a notebook's kernel has arguments of its own

NUM_IMAGES = 4
client = latentd.Client(arguments.server)
model = client.get_model(arguments.model)
steps = arguments.steps or model.default_steps
print(f"{model.name}: {model.native_width} x {model.native_height}, {steps} steps")

# %% Make them. Interrupting this cell cancels the job; a lost connection does not.
previews = []
with tqdm(total=NUM_IMAGES * steps, unit="step") as bar:
    done = [0] * NUM_IMAGES

    def show(event: latentd.Progress) -> None:
        done[event.output_index] = event.step
        bar.update(sum(done) - bar.n)
        picture = event.preview_image()
        if picture is not None and event.output_index == 0:
            previews.append(picture.resize((256, 256)))

    result = client.generate(
        model=arguments.model,
        prompt=arguments.prompt,
        seed=7,
        num_images=NUM_IMAGES,
        steps=steps,
        preview={"kind": "IMAGE"},
        on_progress=show,
        on_retry=lambda why, pause: bar.write(f"{why}; trying again in {pause:.1f} s"),
    )

# %% Keep them; the files carry the parameters that they were made with.
for output in result.outputs:
    if output.ok:
        file = Path(f"picture-{output.index}.png")
        file.write_bytes(output.data)
        print(f"{file}: seed {output.seed}")
    else:
        print(f"picture {output.index}: {output.error or 'withheld'}")
if previews:
    previews[0].save("sharpening.gif", save_all=True, append_images=previews[1:], duration=200)

# %% Look at one: a notebook shows a cell's last value.
result.images[0] if result.images else None
