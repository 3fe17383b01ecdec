"""The page's own modules under Node's test runner: no browser, no server."""

import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

HERE = Path(__file__).parent
SUITES = sorted(path.name for path in HERE.glob("*.test.mjs"))


@pytest.mark.parametrize("suite", SUITES)
def test_module_suite_passes(suite):
    node = shutil.which("node")
    assert node, "Node.js 20 or newer is needed: install the package nodejs"
    command = [node, "--test", suite]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
