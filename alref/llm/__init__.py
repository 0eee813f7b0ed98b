"""What all language models share: contact sheets, questions, and reading their answers."""
