// The form at the top: what to segment, its price, and the answer of the user.

import { postJson, upload } from "./api.js";
import { run } from "./messages.js";

const find = (id) => document.getElementById(id);

/** Listen to the form; `state` is what the page shows. */
export function listenToForm(state, corrector) {
  find("ask").onsubmit = (event) => {
    event.preventDefault();
    find("range").open = false;
    run(async () => {
      const video = state.video ?? state.videos[0];
      if (!video) throw new Error("no video is open");
      const texts = find("words").value.split(";");
      if (event.submitter === find("add")) return addObjects(texts, state, corrector);
      const body = { texts, sound: find("sound").checked, start: find("start").value, end: find("end").value };
      const [file] = find("spoken").files;
      if (file) Object.assign(body, await upload(file));
      const { forecast } = await postJson(`videos/${video.id}/forecast`, body);
      if (!forecast || (await confirmPrice(forecast))) await postJson(`videos/${video.id}/ask`, body);
      return null;
    });
  };
}

/** Find more objects in the video of the open run; its other objects stay as they are. */
async function addObjects(texts, state, corrector) {
  const wanted = texts.map((text) => text.trim()).filter(Boolean);
  if (!wanted.length) throw new Error("type what to add, for example: the second dog");
  const { forecast } = await postJson(`videos/${state.video.id}/forecast`, { texts: wanted });
  if (forecast && !(await confirmPrice(forecast))) return;
  for (const text of wanted) await corrector.edit({ action: "add", text });
}

function confirmPrice(forecast) {
  find("price-text").textContent = forecast;
  find("price").returnValue = "";
  find("price").showModal();
  return new Promise((resolve) => {
    find("price").onclose = () => resolve(find("price").returnValue === "start");
  });
}
