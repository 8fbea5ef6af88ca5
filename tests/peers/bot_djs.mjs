// tests/peers/bot_djs.mjs: a small bot with discord.js, as people write them: node bot_djs.mjs REST_URL. bots.py makes
// things happen to it. Commands, a button, a modal, autocomplete, a file, an edited message.
import {
  ActionRowBuilder, ApplicationCommandOptionType, AttachmentBuilder, ButtonBuilder, ButtonStyle, Client, EmbedBuilder,
  MessageFlags, ModalBuilder, TextInputBuilder, TextInputStyle,
} from 'discord.js';

const client = new Client({
  intents: 53608447,
  rest: { api: process.argv[2].replace(/\/v10$/, '') },
});
const row = (item) => new ActionRowBuilder().addComponents(item);

const commands = [
  {
    name: 'greet',
    description: 'Greets somebody',
    options: [
      { name: 'whom', description: 'A name', type: ApplicationCommandOptionType.String, required: true, autocomplete: true },
      { name: 'friend', description: 'A member', type: ApplicationCommandOptionType.User },
    ],
  },
  { name: 'report', description: 'Gives a file, after a while' },
  { name: 'ask', description: 'Shows a modal' },
  { name: 'silent', description: 'Says nothing' },
];

client.on('interactionCreate', async (interaction) => {
  if (interaction.isAutocomplete()) {
    const typed = interaction.options.getFocused();
    await interaction.respond([{ name: `${typed}...`, value: `${typed}-one` }]);
  } else if (interaction.isButton() && interaction.customId === 'more') {
    await interaction.update({ content: 'More of it', components: [] });
  } else if (interaction.isModalSubmit()) {
    await interaction.reply(`You said: ${interaction.fields.getTextInputValue('text')}`);
  } else if (interaction.isChatInputCommand()) {
    await answer(interaction);
  }
});

async function answer(interaction) {
  if (interaction.commandName === 'greet') {
    const friend = interaction.options.getUser('friend');
    await interaction.reply({
      content: `Hello ${interaction.options.getString('whom')}${friend ? ` and ${friend.username}` : ''}`,
      embeds: [new EmbedBuilder().setTitle('Greeting').addFields({ name: 'from', value: interaction.user.username })],
      components: [row(new ButtonBuilder().setCustomId('more').setLabel('More').setStyle(ButtonStyle.Primary))],
    });
  } else if (interaction.commandName === 'report') {
    await interaction.deferReply({ flags: MessageFlags.Ephemeral });
    const file = new AttachmentBuilder(Buffer.from('all is well\n'), { name: 'report.txt' });
    await interaction.editReply({ content: 'Here', files: [file] });
  } else if (interaction.commandName === 'ask') {
    const input = new TextInputBuilder().setCustomId('text').setLabel('Text').setStyle(TextInputStyle.Short);
    await interaction.showModal(new ModalBuilder().setCustomId('asked').setTitle('Say it').addComponents(row(input)));
  }
}

client.on('messageCreate', async (message) => {
  if (message.content === '!edit') {
    const sent = await message.reply('one');
    await sent.react('🌰');
    await sent.edit('two');
    await sent.pin();
    const history = await message.channel.messages.fetch({ limit: 5 });
    console.log(`edited ${sent.id} ${history.first().content} ${history.size > 1}`);
  }
});
client.on('error', (error) => console.log(`error ${error.message}`));
process.on('unhandledRejection', (error) => console.log(`error ${error.message}`));
client.on('clientReady', async () => {
  const made = await client.application.commands.set(commands);
  console.log(`ready ${made.size}`);
});
await client.login('bot.djs');
