"""The one form that visitors fill in."""

from django import forms

from programme.models import Comment


class CommentForm(forms.ModelForm):
    class Meta:
        model = Comment
        fields = ["name", "body"]
        labels = {"name": "Your name", "body": "Your comment"}
        widgets = {
            "name": forms.TextInput(attrs={"autocomplete": "name"}),
            "body": forms.Textarea(attrs={"rows": 5}),
        }
