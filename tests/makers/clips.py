"""Small sound files for tests."""

import numpy as np
import soundfile

RATE = 16000


def noise(seconds=0.5, seed=0, *, level=0.1, rate=RATE, channels=1):
    """Noise `(n,)`, or `(n, channels)` for several."""
    rng = np.random.default_rng(seed)
    samples = level * rng.standard_normal((round(seconds * rate), channels))
    return np.clip(samples, -0.99, 0.99).astype(np.float32).squeeze()


def sine(hertz, seconds=0.5, level=0.5, rate=RATE):
    return (level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(
        np.float32
    )


def write(path, samples, rate=RATE, subtype="PCM_16"):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype=subtype)
    return path


def write_machine_type(
    folder, *, train=4, normal=3, anomalous=3, ids=("00", "02"), seconds=0.3, whistle=0.0
):
    """A machine type in exact DCASE 2020 layout; the numbers are per id.

    All clips are noise; the anomalous ones of the first id may whistle as well.
    """
    seed = sum(map(ord, folder.name)) * 1000
    for machine in ids:
        for part, label, count in (
            ("train", "normal", train),
            ("test", "normal", normal),
            ("test", "anomaly", anomalous),
        ):
            for number in range(count):
                seed += 1
                name = f"{label}_id_{machine}_{number:08d}.wav"
                faulty = label == "anomaly" and machine == ids[0]
                tone = whistle * sine(3000, seconds) if faulty else 0
                write(folder / part / name, noise(seconds, seed) + tone)
    return folder
