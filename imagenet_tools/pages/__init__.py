"""Pages to read: blocks that become HTML or Markdown. Knows nothing of what they say."""

from imagenet_tools.pages.html_page import page
from imagenet_tools.pages.markdown import markdown
from imagenet_tools.pages.side_by_side import beside

__all__ = ["beside", "markdown", "page"]
