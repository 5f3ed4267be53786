/* The day's programme by track. Without this script all talks are there, so nothing depends on it. */
(() => {
  const box = document.querySelector("[data-filter]");
  if (!box) return;
  const select = box.querySelector("select");

  const show = () => {
    for (const slot of document.querySelectorAll(".slot")) {
      const cards = [...slot.querySelectorAll("[data-track]")];
      for (const card of cards) card.hidden = select.value !== "" && card.dataset.track !== select.value;
      slot.hidden = cards.every((card) => card.hidden);
    }
    // In the address, so that the choice can be sent to a friend.
    history.replaceState(null, "", select.value ? `#track=${select.value}` : location.pathname + location.search);
  };

  const asked = new URLSearchParams(location.hash.slice(1)).get("track");
  if ([...select.options].some((option) => option.value === asked)) {
    select.value = asked;
    show();
  }
  select.addEventListener("change", show);
  box.hidden = false;
})();
