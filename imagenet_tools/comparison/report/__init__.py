"""What a comparison writes: page, Markdown, JSON, figures and tables."""
