"""Record the samples in `recordings/samples/`: real runs of the demo tube and of the failing tube.

Run it as `python examples/make_samples.py` where noob is installed. What stands in a recording (host,
folders, command lines) is that of the machine it runs on.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "recordings" / "samples"
PROGRAMS = {
    "camera": (["-m", "tubetap.demo", "--epochs", "30"], 0),
    "failing": (["examples/failing.py"], 1),
}


def main() -> None:
    """Record each program once; stop if one did not end as it should."""
    SAMPLES.mkdir(exist_ok=True)
    for name, (arguments, expected) in PROGRAMS.items():
        output = SAMPLES / f"{name}.mcap"
        command = [sys.executable, "-m", "tubetap", "run", "--no-tui", "--force", "-o", str(output), "--"]
        done = subprocess.run([*command, "python", *arguments], cwd=ROOT, check=False)
        if done.returncode != expected:
            sys.exit(f"{name}: exit code {done.returncode}, expected {expected}")


if __name__ == "__main__":
    main()
