// Runs before the first paint, as a file because the content policy forbids inline scripts.
(function () {
  var scheme = null;
  try {
    scheme = localStorage.getItem("cantor-color-scheme");
  } catch (error) {
    scheme = null;
  }
  if (scheme !== "light" && scheme !== "dark") {
    scheme = matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
  }
  document.documentElement.setAttribute("data-mantine-color-scheme", scheme);
})();
