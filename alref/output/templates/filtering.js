const words = document.querySelector("#words"), verdict = document.querySelector("#verdict"), shown = document.querySelector("#shown");
const rows = [...document.querySelectorAll("#references tbody tr")];
const filter = () => {
  const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
  rows.forEach(row => {
    const text = row.textContent.toLowerCase();
    row.hidden = !wanted.every(word => text.includes(word)) || (verdict.value !== "" && row.dataset.verdict !== verdict.value);
  });
  shown.textContent = `${rows.filter(row => !row.hidden).length} of ${rows.length}`;
};
[words, verdict].forEach(each => each && each.addEventListener("input", filter));
