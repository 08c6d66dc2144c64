"""Pages to read: blocks that become HTML or Markdown. Knows nothing of what they say."""

from imagenet_tools.pages.html_page import page
from imagenet_tools.pages.markdown import markdown
from imagenet_tools.pages.side_by_side import beside

__all__ = ["COLOURS", "beside", "markdown", "page"]

# Of the arms in pictures: Okabe and Ito's palette, told apart with any colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
