"""What the process of a reward file is made of; `reward_host.py` beside this folder runs it."""

import os

HOST_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def is_ours(file):
    """Whether a file is part of this program, and not of the user's."""
    return os.path.abspath(file).startswith(os.path.join(HOST_FOLDER, "video_rft_host")) or os.path.abspath(
        file
    ) == os.path.join(HOST_FOLDER, "reward_host.py")
