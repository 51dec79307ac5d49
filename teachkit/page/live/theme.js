// Widgets as bright or dark as the reader's system: their style sheets know JupyterLab's word for it.

const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => {
  document.body.dataset.jpThemeLight = String(!dark.matches);
};
dark.addEventListener("change", follow);
follow();
