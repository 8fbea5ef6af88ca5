"""tests/peers/bot_dpy.py: a small bot with discord.py, as people write them: bot_dpy.py REST_URL
GATEWAY_URL. bots.py makes things happen to it, the same as to bot_djs.mjs."""
import io
import sys

import discord
import yarl
from discord import app_commands

discord.http.Route.BASE = sys.argv[1]
discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(sys.argv[2] + "/")

client = discord.Client(intents=discord.Intents.all())
tree = app_commands.CommandTree(client)


class More(discord.ui.View):
    @discord.ui.button(label="More", custom_id="more", style=discord.ButtonStyle.primary)
    async def more(self, interaction, _):
        await interaction.response.edit_message(content="More of it", view=None)


class Asked(discord.ui.Modal, title="Say it"):
    text = discord.ui.TextInput(label="Text", custom_id="text")

    def __init__(self):
        super().__init__(custom_id="asked")

    async def on_submit(self, interaction):
        await interaction.response.send_message(f"You said: {self.text.value}")


@tree.command(description="Greets somebody")
@app_commands.describe(whom="A name", friend="A member")
async def greet(interaction, whom: str, friend: discord.Member = None):
    embed = discord.Embed(title="Greeting").add_field(name="from", value=interaction.user.name)
    await interaction.response.send_message(
        f"Hello {whom}" + (f" and {friend.name}" if friend else ""), embed=embed, view=More())


@greet.autocomplete("whom")
async def complete(_, typed):
    return [app_commands.Choice(name=f"{typed}...", value=f"{typed}-one")]


@tree.command(description="Gives a file, after a while")
async def report(interaction):
    await interaction.response.defer(ephemeral=True)
    file = discord.File(io.BytesIO(b"all is well\n"), "report.txt")
    await interaction.edit_original_response(content="Here", attachments=[file])


@tree.command(description="Shows a modal")
async def ask(interaction):
    await interaction.response.send_modal(Asked())


@tree.command(description="Says nothing")
async def silent(_):
    pass


@client.event
async def on_message(message):
    if message.content == "!edit":
        sent = await message.reply("one")
        await sent.add_reaction("\N{CHESTNUT}")
        await sent.edit(content="two")
        await sent.pin()
        history = [m async for m in message.channel.history(limit=5)]
        print(f"edited {sent.id} {history[0].content} {len(history) > 1}", flush=True)


@client.event
async def on_ready():
    print(f"ready {len(await tree.sync())}", flush=True)


client.run("bot.dpy", log_handler=None)
