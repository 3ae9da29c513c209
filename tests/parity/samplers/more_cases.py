"""More of cases.py: the multistep and two-stage samplers, the distilled models' own, and their sigma spacings."""

import functools
import itertools

import cases
from cases import CLASSES, FILES, FIRST, NO_SAMPLE_PREDICTION, PREDICTIONS, SCHEDULES, SD, SPACINGS

# Small, for their number.
add = functools.partial(cases.add, shapes=[[2, 2, 3], [1, 3, 2], [1, 2, 5]])

SAMPLERS = [name for name in CLASSES if name not in FIRST]
DISTILLED = ["lcm", "tcd"]
LEVELS = [name for name in SAMPLERS if name not in DISTILLED]
MULTISTEP = ["dpmpp_2m_sde", "dpmpp_3m_sde", "unipc", "deis"]

OWN_FILES = {
    "lcm": {"_class_name": "LCMScheduler", **SD, "clip_sample": False, "clip_sample_range": 1.0,
            "dynamic_thresholding_ratio": 0.995, "num_train_timesteps": 1000, "original_inference_steps": 50,
            "prediction_type": "epsilon", "rescale_betas_zero_snr": False, "sample_max_value": 1.0,
            "set_alpha_to_one": True, "steps_offset": 1, "thresholding": False, "timestep_scaling": 10.0,
            "timestep_spacing": "leading", "trained_betas": None},
    "tcd": {"_class_name": "TCDScheduler", "steps_offset": 1},
    "sde2": {"_class_name": "DPMSolverMultistepScheduler", **SD, "algorithm_type": "sde-dpmsolver++",
             "use_karras_sigmas": True, "solver_order": 2},
    "sde3": {"_class_name": "DPMSolverMultistepScheduler", **SD, "algorithm_type": "sde-dpmsolver++",
             "solver_order": 3, "solver_type": "midpoint", "timestep_spacing": "trailing"},
    "sde1": {"_class_name": "DPMSolverMultistepScheduler", **SD, "algorithm_type": "sde-dpmsolver++",
             "solver_order": 1},
    "unipc": {"_class_name": "UniPCMultistepScheduler", **SD, "solver_order": 3, "solver_type": "bh1",
              "final_sigmas_type": "sigma_min", "predict_x0": True, "disable_corrector": [0], "solver_p": None,
              "use_karras_sigmas": False, "lower_order_final": True},
    "deis": {"_class_name": "DEISMultistepScheduler", **SD, "algorithm_type": "deis", "solver_order": 3,
             "solver_type": "logrho", "timestep_spacing": "leading", "steps_offset": 1},
    "kdpm2": {"_class_name": "KDPM2DiscreteScheduler", "use_exponential_sigmas": True},
    "lms": {"_class_name": "LMSDiscreteScheduler", **SD, "use_beta_sigmas": True, "prediction_type": "v_prediction"},
    "sde": {"_class_name": "DPMSolverSDEScheduler", **SD, "use_karras_sigmas": True, "noise_sampler_seed": None},
}


def steps_of(sampler, count):
    return min(count, 50) if sampler in DISTILLED else count


def add_matrix():
    steps = itertools.cycle([5, 20, 2, 10, 33, 7, 4, 13])
    schedules = itertools.cycle(SCHEDULES)
    for sampler, prediction, spacing in itertools.product(SAMPLERS, PREDICTIONS, SPACINGS):
        count = next(steps)
        config = {**next(schedules), "prediction_type": prediction, "timestep_spacing": spacing}
        fails = prediction == "sample" and sampler in NO_SAMPLE_PREDICTION
        # A step so long that its end is all new noise in float32.
        fails = fails or (sampler, prediction, spacing) == ("dpm2_a", "v_prediction", "trailing")
        add(f"{prediction}_{spacing}_{count}", sampler, config, count, fails=fails)


def add_other_classes():
    for file, sampler in itertools.product(("sd15", "sd21", "sdxl"), SAMPLERS):
        add(f"from_{file}", sampler, FILES[file], 8)
    own = {"sde2": "dpmpp_2m_sde", "sde3": "dpmpp_3m_sde", "sde1": "dpmpp_2m_sde", "kdpm2": "dpm2", "sde": "dpmpp_sde"}
    for file, config in OWN_FILES.items():
        for sampler in {own.get(file, file): 0, "euler": 0, "ddim": 0, "dpmpp_2m_sde": 0}:
            add(f"of_{file}", sampler, config, 9)
    for sampler in ("dpmpp_3m_sde", "deis", "heun"):
        add("of_sde1", sampler, OWN_FILES["sde1"], 9)
    for sampler in SAMPLERS:
        add("defaults", sampler, {}, 12)
    config = {"_class_name": "EulerDiscreteScheduler", **SD, "timestep_spacing": "leading"}
    for sampler in ("euler", "lms", "unipc"):
        add("pipeline_default", sampler, config, 6, pipeline=True)
        add("pipeline_karras", sampler, config, 6, pipeline=True, sigmas="karras")


def add_step_counts():
    for sampler in SAMPLERS:
        for steps in (1, 2, 3):
            add(f"steps_{steps}", sampler, SD, steps)
        for spacing in SPACINGS:
            # The multistep methods need one timestep more than they have steps.
            fails = sampler in MULTISTEP and spacing != "trailing"
            config = {**SD, "timestep_spacing": spacing, "num_train_timesteps": 60, "beta_end": 0.1,
                      "original_inference_steps": 60}
            add(f"all_steps_{spacing}", sampler, config, 60, fails=fails)
        # numpy rounds to a timestep too many.
        fails = sampler in DISTILLED
        add("trailing_61", sampler, {**SD, "timestep_spacing": "trailing"}, 61, fails=fails)
    for sampler in ("lms", "unipc", "deis"):
        add("two_hundred", sampler, {**SD, "timestep_spacing": "trailing"}, 200)
    for sampler in DISTILLED:
        add("original_20", sampler, {"original_inference_steps": 20}, 7)
        add("original_300", sampler, {"original_inference_steps": 300}, 51)
        add("too_many", sampler, {"original_inference_steps": 20}, 21, fails=True)
        add("original_beyond", sampler, {"original_inference_steps": 101, "num_train_timesteps": 100}, 4, fails=True)


def add_spacings():
    schedules = itertools.cycle(SCHEDULES)
    for sigmas in ("karras", "exponential", "beta"):
        others = LEVELS if sigmas == "karras" else ["euler", "heun", "dpmpp_2m", *LEVELS]
        for sampler in others:
            for prediction, spacing in (("epsilon", "leading"), ("v_prediction", "trailing")):
                config = {**next(schedules), "prediction_type": prediction, "timestep_spacing": spacing,
                          "steps_offset": 1}
                add(f"{sigmas}_{prediction}", sampler, config, 11, sigmas=sigmas)
            bounds = {"sigma_min": 0.05, "sigma_max": 9.0, f"use_{sigmas}_sigmas": True}
            add(f"{sigmas}_bounds", sampler, {**SD, **bounds}, 8)
            fails = (sigmas, sampler) == ("beta", "dpm2_a")  # steps too long again
            add(f"{sigmas}_cosine", sampler, SCHEDULES[2], 17, sigmas=sigmas, fails=fails)
            add(f"{sigmas}_one", sampler, SD, 1, sigmas=sigmas)
        config = {**SD, "use_karras_sigmas": True}
        add(f"{sigmas}_over_karras", "euler", config, 4, sigmas=sigmas)
    both = {**SD, "use_karras_sigmas": True, "use_beta_sigmas": True}
    add("two_spacings", "dpm2", both, 4, fails=True)
    for sigmas, final in itertools.product(("karras", "exponential", "beta"), (True, False)):
        config = {**SD, "final_sigmas_type": "sigma_min", "lower_order_final": final}
        for sampler in ("unipc", "dpmpp_2m_sde", "deis"):
            add(f"{sigmas}_sigma_min_{final}", sampler, config, 6, sigmas=sigmas)
    add("noise_rises", "dpmpp_2m_sde", {**SD, "final_sigmas_type": "sigma_min", "sigma_min": 0.001}, 6,
        sigmas="karras", fails=True)


def add_training():
    for sampler, spacing in itertools.product(SAMPLERS, ("trailing", "leading")):
        # Also the classes that do not know the field, and drop it.
        config = {**SD, "rescale_betas_zero_snr": True, "prediction_type": "v_prediction", "timestep_spacing": spacing}
        add(f"zero_snr_{spacing}", sampler, config, 8)
    for sampler in DISTILLED:
        add("zero_snr_epsilon", sampler, {**SD, "rescale_betas_zero_snr": True}, 8, fails=True)
    for sampler in SAMPLERS:
        betas = [round(0.001 + 0.02 * (i / 39) ** 1.5, 6) for i in range(40)]
        config = {"trained_betas": betas, "num_train_timesteps": 40, "original_inference_steps": 20}
        add("trained_betas", sampler, config, 8)
        config = {**SD, "num_train_timesteps": 137, "steps_offset": 3, "timestep_spacing": "leading"}
        add("137_timesteps", sampler, config, 10)


def add_clean_bounds():
    for sampler in (*MULTISTEP, "lcm"):
        for prediction in PREDICTIONS:
            config = {**SD, "prediction_type": prediction, "thresholding": True, "sample_max_value": 1.5}
            add(f"thresholding_{prediction}", sampler, {**config, "dynamic_thresholding_ratio": 0.9}, 6)
    add("thresholding_noise", "unipc",
        {**SD, "thresholding": True, "predict_x0": False, "final_sigmas_type": "sigma_min"}, 6)
    for sampler in DISTILLED:
        add("clip", sampler, {**SD, "clip_sample": True, "clip_sample_range": 0.6}, 6)


def add_own_options():
    for order, solver, final in itertools.product((1, 2, 3), ("midpoint", "heun"), ("zero", "sigma_min")):
        for sampler in ("dpmpp_2m_sde", "dpmpp_3m_sde"):
            config = {**SD, "algorithm_type": "sde-dpmsolver++", "solver_type": solver, "final_sigmas_type": final,
                      "lower_order_final": order != 2, "euler_at_final": order == 1, "solver_order": order}
            if (order == 3) == (sampler == "dpmpp_3m_sde"):
                add(f"order_{order}_{solver}_{final}", sampler, config, 16 if solver == "heun" else 7)
    add("lambda", "dpmpp_2m_sde", {**SCHEDULES[2], "lambda_min_clipped": -5.1}, 12)
    for algorithm in ("dpmsolver", "sde-dpmsolver"):
        config = {"_class_name": "DPMSolverMultistepScheduler", "algorithm_type": algorithm}
        add(f"as_{algorithm}", "dpmpp_2m", config, 5, fails=True)

    for order, solver, clean in itertools.product((1, 2, 3), ("bh1", "bh2"), (True, False)):
        # Neither of them can end without noise.
        final = "zero" if solver == "bh2" and clean else "sigma_min"
        config = {**SD, "solver_order": order, "solver_type": solver, "predict_x0": clean, "final_sigmas_type": final}
        add(f"order_{order}_{solver}_{clean}", "unipc", config, 7)
        config = {**config, "final_sigmas_type": "sigma_min", "lower_order_final": False, "disable_corrector": [1, 3],
                  "prediction_type": "v_prediction" if order == 3 else "sample"}
        add(f"order_{order}_{solver}_{clean}_high", "unipc", config, 9)
    add("bh1_zero", "unipc", {**SD, "solver_type": "bh1"}, 7, fails=True)
    add("noise_zero", "unipc", {**SD, "predict_x0": False}, 7, fails=True)
    add("high_zero", "unipc", {**SD, "lower_order_final": False}, 7, fails=True)
    for solver in ("midpoint", "heun", "logrho"):
        add(f"as_{solver}", "unipc", {**SD, "solver_type": solver}, 5)
    add("shifting", "unipc", {**SD, "use_dynamic_shifting": True}, 5, fails=True)
    add("terminal", "unipc", {**SD, "shift_terminal": 0.1}, 5, fails=True)

    for order, low, steps in itertools.product((1, 2, 3), (True, False), (7, 16)):
        add(f"order_{order}_{low}_{steps}", "deis", {**SD, "solver_order": order, "lower_order_final": low}, steps)
    for algorithm in ("dpmsolver", "dpmsolver++"):
        add(f"as_{algorithm}", "deis", {**SD, "algorithm_type": algorithm, "solver_type": "heun"}, 5)
    add("as_sde", "deis", {**SD, "algorithm_type": "sde-dpmsolver++"}, 5, fails=True)

    add("scaling", "lcm", {"timestep_scaling": 0.01}, 6)
    for prediction, eta in itertools.product(PREDICTIONS, (0.3, 0.77, 1.0)):
        add(f"eta_{eta}_{prediction}", "tcd", {"prediction_type": prediction}, 5, eta=eta)


def add_image_to_image():
    for sampler, skipped in itertools.product(SAMPLERS, (1, 6, 9)):
        config = {**SD, "steps_offset": 1, "timestep_spacing": "leading"}
        add(f"skipped_{skipped}", sampler, config, 10, skipped=skipped, eta=0.3 if sampler == "tcd" else 0.0)
    for sampler in ("unipc", "deis"):
        add("order_3_skipped", sampler, {**SD, "solver_order": 3}, 10, skipped=4)


ADDERS = (add_matrix, add_other_classes, add_step_counts, add_spacings, add_training, add_clean_bounds,
          add_own_options, add_image_to_image)
