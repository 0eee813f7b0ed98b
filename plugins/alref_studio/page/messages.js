// What the page says above everything else, and how it does what may fail.

const MESSAGE_MILLISECONDS = 4000; // how long a message that is no error is shown
let messageTimer = 0;

/** Show a message; an error stays until something else is done. */
export function say(text, isError = false) {
  const box = document.getElementById("message");
  box.textContent = text;
  box.className = isError ? "error" : "";
  box.hidden = false;
  clearTimeout(messageTimer);
  if (!isError) messageTimer = setTimeout(() => (box.hidden = true), MESSAGE_MILLISECONDS);
}

/** Do something that may fail, and say why it did. */
export async function run(action) {
  try {
    document.getElementById("message").hidden = true;
    return await action();
  } catch (error) {
    say(error.message, true);
    return null;
  }
}
