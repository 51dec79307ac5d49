"""Folders in VOC, COCO and YOLO form: read, checked, written."""

from teachkit.feed.formats.folder import TRAINING_SPLITS, Report, check, examine, read_folder, split_names
from teachkit.feed.formats.write import write_folder

__all__ = ["TRAINING_SPLITS", "Report", "check", "examine", "read_folder", "split_names", "write_folder"]
