/** Light, dark, or as the system has it; one button goes round. */

const ROUND = ['system', 'light', 'dark'];
const ICONS = { system: 'contrast', light: 'sun', dark: 'moon' };
const NAMES = { system: 'as the system', light: 'light', dark: 'dark' };
const STORAGE_KEY = 'starling.theme';

/** Makes `button` switch the page's colours and remembers the choice. */
export function attachTheme(button, storage) {
  let theme = storage.getItem(STORAGE_KEY) ?? 'system';
  const show = () => {
    if (theme === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.setAttribute('aria-label', `Colours: ${NAMES[theme]}`);
    button.title = `Colours: ${NAMES[theme]}`;
    button.querySelector('use').setAttribute('href', `icons.svg#${ICONS[theme]}`);
  };
  button.addEventListener('click', () => {
    theme = ROUND[(ROUND.indexOf(theme) + 1) % ROUND.length];
    storage.setItem(STORAGE_KEY, theme);
    show();
  });
  show();
}
