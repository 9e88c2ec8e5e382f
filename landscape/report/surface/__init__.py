"""What is shown of one surface: terminal, figures, page, and files for other programs."""

from landscape.report.surface.export import check_formats
from landscape.report.surface.text import surface_text
from landscape.report.surface.writing import write_surface

__all__ = ["check_formats", "surface_text", "write_surface"]
