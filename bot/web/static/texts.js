// Every sentence the page says by itself.

export const STATUS = {
  asking: "Autorisez le micro…",
  connecting: "Connexion…",
  live: "En ligne",
  reconnecting: "Connexion perdue, nous la rétablissons…",
  over: "Appel terminé",
  failed: "Appel interrompu",
};

/** What to tell when a call could not be, or ended: `[title, text, button]`. */
export const NOTICE = {
  denied: [
    "Le micro est bloqué",
    "Autorisez le micro pour cette page, dans la barre d’adresse ou les réglages du navigateur, puis réessayez.",
    "Réessayer",
  ],
  no_microphone: ["Aucun micro trouvé", "Branchez un micro ou un casque, puis réessayez.", "Réessayer"],
  microphone_busy: [
    "Le micro est occupé",
    "Une autre application l’utilise peut-être. Fermez-la, puis réessayez.",
    "Réessayer",
  ],
  unsupported: [
    "Ce navigateur ne permet pas d’appeler",
    "Ouvrez cette page dans une version récente de Firefox, Chrome, Edge ou Safari.",
    "Réessayer",
  ],
  insecure: [
    "Connexion non sécurisée",
    "Le micro ne s’ouvre que sur une page sécurisée. Ouvrez la même adresse en commençant par https://.",
    "Réessayer",
  ],
  full: ["Toutes nos lignes sont occupées", "Réessayez dans un instant.", "Réessayer"],
  unreachable: [
    "Nous n’arrivons pas à vous connecter",
    "Vérifiez votre connexion à Internet, puis réessayez.",
    "Réessayer",
  ],
  lost: [
    "La connexion est coupée",
    "L’appel n’a pas pu être rétabli. Vérifiez votre réseau, puis rappelez-nous.",
    "Rappeler",
  ],
  microphone_gone: ["Votre micro s’est arrêté", "Rebranchez-le, puis rappelez-nous.", "Rappeler"],
  resolved: ["Appel terminé", "Merci de votre appel.", "Rappeler"],
  handoff: ["Appel terminé", "Votre demande est transmise à un conseiller.", "Rappeler"],
  callback: ["Appel terminé", "Votre demande est notée. Nous vous rappelons.", "Rappeler"],
  left: ["Appel terminé", "Vous avez raccroché.", "Rappeler"],
  ended: ["Appel terminé", "À bientôt.", "Rappeler"],
};

export const SPEAKER = { bot: "Assistant", caller: "Vous" };

/** A line about the call itself, or an empty string. */
export function note(event) {
  switch (event.type) {
    case "handoff_requested":
      return "Un conseiller est demandé. Il aura votre dossier sous les yeux.";
    case "callback_promised":
      return "Un rappel est prévu.";
    case "action_done":
      return event.ok && event.reference ? `Référence à garder : ${event.reference}` : "";
    default:
      return "";
  }
}
