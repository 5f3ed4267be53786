/* On a day of the conference: which slot runs now. On every other day it does nothing. */
(() => {
  const slots = [...document.querySelectorAll(".slot")];
  const starts = (slot) => new Date(slot.querySelector("time").dateTime).getTime();
  const today = slots.length && new Date(starts(slots[0])).toDateString() === new Date().toDateString();
  if (!today) return;

  const show = () => {
    const begun = slots.filter((slot) => starts(slot) <= Date.now());
    for (const slot of slots) slot.classList.toggle("slot--now", slot === begun.at(-1));
  };
  show();
  setInterval(show, 60_000);
})();
