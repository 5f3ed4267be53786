/* Stars on the talks that a visitor wants to hear. Kept in this browser; the server never learns of them. */
(() => {
  const cards = document.querySelectorAll(".talk-card");
  if (!cards.length) return;
  const read = () => {
    try {
      const kept = JSON.parse(localStorage.getItem("stars"));
      return new Set(Array.isArray(kept) ? kept : []);
    } catch { return new Set(); }
  };
  const write = (stars) => { try { localStorage.setItem("stars", JSON.stringify([...stars])); } catch { /* private window */ } };

  for (const card of cards) {
    const link = card.querySelector(".talk-card__title a");
    const talk = link.getAttribute("href");
    const button = document.createElement("button");
    const show = () => {
      const on = read().has(talk);
      button.textContent = on ? "★" : "☆";
      button.setAttribute("aria-pressed", on);
      card.classList.toggle("talk-card--starred", on);
    };
    button.type = "button";
    button.className = "star";
    button.setAttribute("aria-label", `Star “${link.textContent}”`);
    button.addEventListener("click", () => {
      const stars = read();
      if (!stars.delete(talk)) stars.add(talk);
      write(stars);
      show();
    });
    show();
    card.querySelector(".talk-card__top").append(button);
  }
})();
