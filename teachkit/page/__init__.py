"""The course's own code in a web page: traced to graphs by torch, run by a small executor in a Web Worker."""
