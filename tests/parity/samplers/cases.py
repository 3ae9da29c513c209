"""The cases of make_goldens.py: every sampler with every prediction type and spacing, and each option where it matters."""

import inspect
import itertools

import diffusers

CLASSES = {
    "ddpm": "DDPMScheduler",
    "ddim": "DDIMScheduler",
    "pndm": "PNDMScheduler",
    "euler": "EulerDiscreteScheduler",
    "euler_a": "EulerAncestralDiscreteScheduler",
    "heun": "HeunDiscreteScheduler",
    "dpmpp_2m": "DPMSolverMultistepScheduler",
    "lms": "LMSDiscreteScheduler",
    "dpm2": "KDPM2DiscreteScheduler",
    "dpm2_a": "KDPM2AncestralDiscreteScheduler",
    "dpmpp_2m_sde": "DPMSolverMultistepScheduler",
    "dpmpp_sde": "DPMSolverSDEScheduler",
    "dpmpp_3m_sde": "DPMSolverMultistepScheduler",
    "unipc": "UniPCMultistepScheduler",
    "deis": "DEISMultistepScheduler",
    "lcm": "LCMScheduler",
    "tcd": "TCDScheduler",
}
# more_cases.py has those of the others.
FIRST = ["ddpm", "ddim", "pndm", "euler", "euler_a", "heun", "dpmpp_2m"]
SPACINGS = ["leading", "linspace", "trailing"]
PREDICTIONS = ["epsilon", "sample", "v_prediction"]
SCHEDULES = [
    {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"},
    {"beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear"},
    {"beta_schedule": "squaredcos_cap_v2"},
]
SD = SCHEDULES[0]
SHAPES = [[4, 6, 5], [2, 4, 3], [4, 5, 3], [2, 3, 4], [1, 2, 3], [3, 2, 5]]
NO_SAMPLE_PREDICTION = ("pndm", "euler_a", "dpm2", "dpm2_a", "dpmpp_sde")

# Files as they lie in well-known model folders, fields of other classes included.
FILES = {
    "sd15": {"_class_name": "PNDMScheduler", "_diffusers_version": "0.6.0", **SD, "num_train_timesteps": 1000,
             "set_alpha_to_one": False, "skip_prk_steps": True, "steps_offset": 1, "trained_betas": None,
             "clip_sample": False},
    "sd21": {"_class_name": "DDIMScheduler", "_diffusers_version": "0.8.0", **SD, "num_train_timesteps": 1000,
             "clip_sample": False, "prediction_type": "v_prediction", "set_alpha_to_one": False,
             "skip_prk_steps": True, "steps_offset": 1, "trained_betas": None},
    "sdxl": {"_class_name": "EulerDiscreteScheduler", **SD, "num_train_timesteps": 1000,
             "interpolation_type": "linear", "prediction_type": "epsilon", "sample_max_value": 1.0,
             "set_alpha_to_one": False, "skip_prk_steps": True, "clip_sample": False, "steps_offset": 1,
             "timestep_spacing": "leading", "trained_betas": None, "use_karras_sigmas": False},
    "svd": {"_class_name": "EulerDiscreteScheduler", **SD, "num_train_timesteps": 1000, "clip_sample": False,
            "interpolation_type": "linear", "prediction_type": "v_prediction", "set_alpha_to_one": False,
            "sigma_max": 700.0, "sigma_min": 0.002, "skip_prk_steps": True, "steps_offset": 1,
            "timestep_spacing": "leading", "timestep_type": "continuous", "trained_betas": None,
            "use_karras_sigmas": True},
    "ddpm256": {"_class_name": "DDPMScheduler", "_diffusers_version": "0.1.1", "beta_end": 0.02,
                "beta_schedule": "linear", "beta_start": 0.0001, "clip_sample": True, "num_train_timesteps": 1000,
                "trained_betas": None, "variance_type": "fixed_small"},
    "heun": {"_class_name": "HeunDiscreteScheduler", "use_karras_sigmas": True, "clip_sample": True,
             "clip_sample_range": 2.0, "timestep_spacing": "linspace"},
    "dpm": {"_class_name": "DPMSolverMultistepScheduler", **SD, "algorithm_type": "dpmsolver++", "solver_order": 2,
            "solver_type": "midpoint", "lower_order_final": True, "thresholding": False, "steps_offset": 0,
            "timestep_spacing": "linspace", "variance_type": None, "use_lu_lambdas": False,
            "use_karras_sigmas": False, "prediction_type": "epsilon"},
    "euler_a": {"_class_name": "EulerAncestralDiscreteScheduler", **SD, "timestep_spacing": "trailing",
                "rescale_betas_zero_snr": True, "prediction_type": "v_prediction"},
}

_cases = []


def add(name, sampler, config, steps, fails=False, sigmas="default", eta=0.0, skipped=0, pipeline=False,
        shapes=SHAPES):
    index = len(_cases)
    if "_class_name" not in config:
        config = {"_class_name": CLASSES[sampler], **config}
    _cases.append({
        "name": f"{index:03}_{sampler}_{name}", "sampler": sampler, "sigmas": sigmas, "config": config, "steps": steps,
        "eta": eta, "skipped": skipped, "stable_diffusion_pipeline": pipeline, "shape": shapes[index % len(shapes)],
        "seed": 1000 + index, "fails": fails})


def add_main_matrix():
    steps = itertools.cycle([5, 20, 2, 10, 50, 7, 1, 13])
    schedules = itertools.cycle(SCHEDULES)
    for sampler, prediction, spacing in itertools.product(FIRST, PREDICTIONS, SPACINGS):
        count = next(steps)
        config = {**next(schedules), "prediction_type": prediction, "timestep_spacing": spacing}
        if sampler in ("ddpm", "ddim") and spacing != "linspace":
            config["clip_sample"] = False
        fails = prediction == "sample" and sampler in NO_SAMPLE_PREDICTION
        if sampler == "pndm":
            config["skip_prk_steps"] = spacing != "linspace"
            count = max(count, 4) if spacing == "linspace" else count
        add(f"{prediction}_{spacing}_{count}", sampler, config, count, fails=fails)


def add_other_classes():
    for (file, config), sampler in itertools.product(FILES.items(), FIRST):
        add(f"from_{file}", sampler, config, 10)
    for sampler in ("euler", "heun", "dpmpp_2m"):
        for file in ("sd15", "sd21", "svd", "ddpm256"):
            add(f"karras_from_{file}", sampler, FILES[file], 8, sigmas="karras")
    for sampler in FIRST:
        add("defaults", sampler, {}, 20)


def add_pipeline_rules():
    for config in ({}, {"steps_offset": 0, "clip_sample": True}):
        for own, sampler in (("ddim", "ddim"), ("ddim", "heun"), ("euler", "euler"), ("euler", "ddim"),
                             ("pndm", "pndm"), ("pndm", "ddpm"), ("dpmpp_2m", "euler_a")):
            config = {"_class_name": CLASSES[own], **SD, "timestep_spacing": "leading", **config}
            add(f"pipeline_of_{own}{len(config)}", sampler, config, 6, pipeline=True)


def add_step_counts():
    for sampler in FIRST:
        rest = {"skip_prk_steps": True} if sampler == "pndm" else {}
        for steps in (1, 2, 3):
            add(f"steps_{steps}", sampler, {**SD, **rest}, steps)
        for spacing in SPACINGS:
            # dpmpp_2m needs one timestep more than it has steps.
            fails = sampler == "dpmpp_2m" and spacing != "trailing"
            add(f"all_steps_{spacing}", sampler, {**SD, **rest, "timestep_spacing": spacing, "num_train_timesteps": 60,
                                                  "beta_end": 0.1}, 60, fails=fails)
        # numpy rounds to a timestep too many.
        add("trailing_61", sampler, {**SD, **rest, "timestep_spacing": "trailing"}, 61)
        # Too many for diffusers' table, or for its classes that check.
        if sampler in ("ddpm", "ddim", "pndm"):
            add("offset_beyond", sampler, {**rest, "steps_offset": 1, "num_train_timesteps": 60}, 60, fails=True)
        if sampler in ("ddpm", "ddim"):
            add("too_many", sampler, {"num_train_timesteps": 60}, 61, fails=True)
        spacing = "trailing" if sampler == "dpmpp_2m" else "leading"
        add("thousand", sampler, {**SD, **rest, "timestep_spacing": spacing}, 1000)
    for steps in (1, 2, 3, 4, 5, 6, 20):
        add(f"runge_kutta_{steps}", "pndm", {**SD, "steps_offset": 1}, steps, fails=steps < 4)
    for spacing, prediction in itertools.product(SPACINGS, ("epsilon", "v_prediction")):
        config = {"timestep_spacing": spacing, "prediction_type": prediction, "set_alpha_to_one": True}
        add(f"runge_kutta_{spacing}_{prediction}", "pndm", {**SD, **config}, 9)
        add(f"skip_prk_{spacing}_{prediction}", "pndm", {**SD, **config, "skip_prk_steps": True}, 9)
    add("runge_kutta_thousand", "pndm", SD, 1000)
    add("runge_kutta_trailing_61", "pndm", {**SD, "timestep_spacing": "trailing"}, 61)


def add_karras():
    schedules = itertools.cycle(SCHEDULES)
    for sampler, prediction, spacing in itertools.product(("euler", "heun", "dpmpp_2m"), PREDICTIONS, SPACINGS):
        config = {**next(schedules), "prediction_type": prediction, "timestep_spacing": spacing}
        add(f"karras_{prediction}_{spacing}", sampler, config, 11, sigmas="karras")
    for sampler in ("euler", "heun", "dpmpp_2m"):
        bounds = {"sigma_min": 0.05, "sigma_max": 9.0}
        add("karras_bounds", sampler, {**SD, **bounds, "use_karras_sigmas": True}, 9)
        add("karras_cosine", sampler, {**SCHEDULES[2], "use_karras_sigmas": True}, 17)
        add("karras_one", sampler, SD, 1, sigmas="karras")
        add("karras_two", sampler, SD, 2, sigmas="karras")
        config = {"_class_name": "DDIMScheduler", **SD, "use_exponential_sigmas": True}
        add("karras_over_exponential", sampler, config, 4, sigmas="karras")
        add("karras_hundred", sampler, SD, 100, sigmas="karras")
    for final in ("zero", "sigma_min"):
        add(f"karras_final_{final}", "euler", {**SD, "final_sigmas_type": final}, 6, sigmas="karras")


def add_clean_bounds():
    for sampler in ("ddpm", "ddim", "heun"):
        for size in (0.3, 1.0):
            add(f"clip_{size}", sampler, {**SD, "clip_sample": True, "clip_sample_range": size}, 6)
    for sampler, prediction in itertools.product(("ddpm", "ddim", "dpmpp_2m"), PREDICTIONS):
        config = {**SD, "prediction_type": prediction, "thresholding": True}
        add(f"thresholding_{prediction}", sampler, {**config, "sample_max_value": 3.0}, 6)
    for sampler in ("ddpm", "ddim", "dpmpp_2m"):
        add("thresholding_default", sampler, {**SD, "thresholding": True}, 6)
        config = {**SD, "thresholding": True, "dynamic_thresholding_ratio": 0.8, "sample_max_value": 1.5}
        add("thresholding_ratio", sampler, config, 6)


def add_training():
    for sampler, spacing in itertools.product(FIRST, ("trailing", "leading")):
        # Also the classes that do not know the field, and drop it.
        config = {**SD, "rescale_betas_zero_snr": True, "prediction_type": "v_prediction",
                  "timestep_spacing": spacing, "skip_prk_steps": True, "clip_sample": False}
        add(f"zero_snr_{spacing}", sampler, config, 8)
    for sampler in FIRST:
        betas = [round(0.001 + 0.02 * (i / 39) ** 1.5, 6) for i in range(40)]
        config = {"trained_betas": betas, "num_train_timesteps": 40, "skip_prk_steps": True, "clip_sample": False}
        add("trained_betas", sampler, config, 8)
        config = {**SD, "num_train_timesteps": 137, "steps_offset": 3, "skip_prk_steps": True,
                  "timestep_spacing": "leading", "clip_sample": False}
        add("137_timesteps", sampler, config, 10)


def add_own_options():
    for eta, alpha, spacing in itertools.product((0.4, 1.0), (True, False), SPACINGS):
        config = {**SD, "clip_sample": False, "set_alpha_to_one": alpha, "timestep_spacing": spacing}
        add(f"eta_{eta}_{spacing}", "ddim", config, 7, eta=eta)
    for prediction in ("sample", "v_prediction"):
        config = {**SCHEDULES[1], "prediction_type": prediction, "clip_sample": True}
        add(f"eta_{prediction}", "ddim", config, 7, eta=0.7)
    for variance, spacing in itertools.product(("fixed_small", "fixed_small_log", "fixed_large"), SPACINGS):
        config = {**SD, "variance_type": variance, "timestep_spacing": spacing}
        add(f"{variance}_{spacing}", "ddpm", config, 9)
    add("fixed_large_log", "ddpm", {**SD, "variance_type": "fixed_large_log"}, 5, fails=True)

    for spacing, prediction in itertools.product(SPACINGS, PREDICTIONS):
        config = {**SD, "interpolation_type": "log_linear", "timestep_spacing": spacing, "prediction_type": prediction}
        add(f"log_linear_{spacing}_{prediction}", "euler", config, 7)
    for final, karras in itertools.product(("zero", "sigma_min"), (True, False)):
        config = {**SD, "timestep_type": "continuous", "prediction_type": "v_prediction", "final_sigmas_type": final,
                  "use_karras_sigmas": karras}
        add(f"continuous_{final}_{karras}", "euler", config, 6)
    config = {**SD, "timestep_type": "continuous", "prediction_type": "v_prediction",
              "interpolation_type": "log_linear"}
    add("continuous_log_linear", "euler", config, 6)
    add("continuous_epsilon", "euler", {**SD, "timestep_type": "continuous"}, 6)

    for order, solver, final in itertools.product((1, 2, 3), ("midpoint", "heun"), ("zero", "sigma_min")):
        config = {**SD, "solver_order": order, "solver_type": solver, "final_sigmas_type": final}
        add(f"order_{order}_{solver}_{final}", "dpmpp_2m", config, 6)
        config = {**config, "lower_order_final": False, "euler_at_final": solver == "heun"}
        add(f"order_{order}_{solver}_{final}_high", "dpmpp_2m", config, 16)
    add("karras_sigma_min", "dpmpp_2m", {**SD, "final_sigmas_type": "sigma_min"}, 16, sigmas="karras")
    for bound, spacing in itertools.product((-5.1, -2.0), SPACINGS):
        config = {**SCHEDULES[2], "lambda_min_clipped": bound, "timestep_spacing": spacing}
        add(f"lambda_{bound}_{spacing}", "dpmpp_2m", config, 12)
    config = {**SD, "rescale_betas_zero_snr": True, "lambda_min_clipped": -5.1, "prediction_type": "v_prediction"}
    add("lambda_zero_snr", "dpmpp_2m", config, 12)
    for solver in ("logrho", "bh1", "bh2"):
        add(f"as_{solver}", "dpmpp_2m", {**SD, "solver_type": solver}, 5)
    add("as_deis", "dpmpp_2m", {**SD, "algorithm_type": "deis"}, 5, fails=True)


def add_image_to_image():
    for sampler, skipped in itertools.product(FIRST, (1, 6)):
        config = {**SD, "skip_prk_steps": True, "steps_offset": 1, "timestep_spacing": "leading", "clip_sample": False}
        add(f"skipped_{skipped}", sampler, config, 10, skipped=skipped)
    add("runge_kutta_skipped", "pndm", SD, 20, skipped=4)
    add("order_3_skipped", "dpmpp_2m", {**SD, "solver_order": 3}, 10, skipped=4)


def add_learned_variance():
    for variance, spacing in itertools.product(("learned", "learned_range"), SPACINGS):
        add(f"{variance}_{spacing}", "ddpm", {**SD, "variance_type": variance, "timestep_spacing": spacing}, 9)
    add("learned_range_v", "ddpm", {**SD, "variance_type": "learned_range", "prediction_type": "v_prediction"}, 20)
    # Trained to predict a variance, sampled by one that has no use for it.
    for spacing in SPACINGS:
        add(f"learned_range_{spacing}", "dpmpp_2m", {**SD, "variance_type": "learned_range", "timestep_spacing": spacing}, 9,
            shapes=[[3, 4, 5]])


def all_cases():
    from more_cases import ADDERS

    _cases.clear()
    for add_some in (add_main_matrix, add_other_classes, add_pipeline_rules, add_step_counts, add_karras,
                     add_clean_bounds, add_training, add_own_options, add_image_to_image, *ADDERS, add_learned_variance):
        add_some()
    return _cases


def known_fields():
    """Every field that a file of a compatible class may have."""
    fields = set()
    for name in {*diffusers.DDIMScheduler._compatibles, *CLASSES.values()}:
        parameters = inspect.signature(getattr(diffusers, name).__init__).parameters
        fields |= set(parameters) - {"self", "args", "kwargs"}
    return sorted(fields)
