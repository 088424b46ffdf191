"""The admission webhook: refuses changes that diverge from Git. Never runs git or a renderer."""
